"""The media rollback as a flow: a form with boxes, a person's approval, steps as tasks, the report an artifact."""

from prefect.artifacts import Artifact
from prefect.client.schemas.objects import StateType

from flows.media import roll_back_media
from tests.fixtures.forms import answering
from tests.fixtures.media import bucket_on


def test_an_approved_media_rollback_brings_files_back_and_tells_of_it(deployed, moto_endpoint, tmp_path):
    bucket = bucket_on(moto_endpoint)
    bucket.put("a", "good", -1)
    bucket.put("a", "bad", 1)
    deployed("guestbook")
    described, environment = tmp_path / "applications/guestbook/application.toml", tmp_path / "environment.toml"
    described.write_text(described.read_text() + f'[media]\nbucket = "{bucket.name}"\n')
    environment.write_text(environment.read_text() + f'[media]\nendpoint_url = "{bucket.endpoint}"\n')

    _, state = answering(
        lambda: roll_back_media("guestbook", to="2026-11-24T12:00:00", return_state=True),
        {"decision": "carry the plan out", "name": "Ada"},
    )

    assert (state.type, state.name) == (StateType.COMPLETED, "Done"), state.message
    assert bucket.contents() == {"a": b"good"}
    assert "1 keys, 4 B: a" in Artifact.get("guestbook-plan").data
    assert "approved by | Ada" in Artifact.get("guestbook-run").data
