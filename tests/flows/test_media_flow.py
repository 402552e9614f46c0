"""The media rollback as a flow: a form with boxes, a person's approval, steps as tasks, the report an artifact."""

import contextvars
import threading
import time

from prefect.artifacts import Artifact
from prefect.client.schemas.objects import StateType
from prefect.flow_runs import resume_flow_run

from flows.media import roll_back_media
from tests.fixtures.forms import paused_run
from tests.fixtures.media import bucket_on


def test_an_approved_media_rollback_brings_files_back_and_tells_of_it(deployed, moto_endpoint, tmp_path):
    bucket = bucket_on(moto_endpoint)
    bucket.put("a", "good", -1)
    bucket.put("a", "bad", 1)
    deployed("guestbook")
    described, environment = tmp_path / "applications/guestbook/application.toml", tmp_path / "environment.toml"
    described.write_text(described.read_text() + f'[media]\nbucket = "{bucket.name}"\n')
    environment.write_text(environment.read_text() + f'[media]\nendpoint_url = "{bucket.endpoint}"\n')
    ended, started, answered = [], time.time() - 1, set()

    def start() -> None:
        ended.append(roll_back_media("guestbook", to="2026-11-24T12:00:00", return_state=True))

    flow = threading.Thread(target=contextvars.copy_context().run, args=(start,), daemon=True)
    flow.start()
    for answer in ({"decision": "carry the plan out", "name": "Ada"}, {"verdict": "it works", "name": "Grace"}):
        run = paused_run(started, answered)
        time.sleep(0.5)  # the server shows a run as paused a moment before its form is there
        resume_flow_run(run.id, run_input=answer)
    flow.join(timeout=120)

    [state] = ended
    assert (state.type, state.name) == (StateType.COMPLETED, "Done"), state.message
    assert bucket.contents() == {"a": b"good"}
    assert "1 keys, 4 B: a" in Artifact.get("guestbook-plan").data
    assert "approved by | Ada" in Artifact.get("guestbook-run").data
