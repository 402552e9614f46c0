"""A bounded part of the corruption campaign: no damage to what the vault holds is silent. The whole: `make campaign`."""

import json
import os
from datetime import UTC, datetime
from random import Random

import pytest
from psycopg.conninfo import conninfo_to_dict

from continuity.adapters.removal import bury, remove
from continuity.domain.recovery_point import Distrust, Expired
from continuity.domain.verdict import Judgement
from tests.faults.corruption import Answer, How, Kind, required
from tests.faults.scenes import build_scene

DAMAGES = 15


@pytest.fixture(params=[False, True], ids=["plain", "encrypted"])
def scene(request, make_database, tmp_path, validator, moto_endpoint):
    dsn = make_database("guestbook")
    name = str(conninfo_to_dict(dsn)["dbname"])
    return build_scene(
        dsn=dsn, database=name, folder=tmp_path / "scene", validator=validator, media_url=moto_endpoint, encrypted=request.param
    )


def test_no_random_damage_to_the_vault_is_silent(scene):
    seed = int(os.environ.get("PYTEST_CAMPAIGN_SEED") or Random().randrange(2**32))
    print(f"seed {seed}")  # noqa: T201 -- with it a failure is repeated
    random = Random(seed)

    suffered = [scene.suffer(random) for _ in range(DAMAGES)]

    wrong = [
        f"seed {seed}: {damage.target.key} {damage.how.value}: {answer.value}"
        for damage, answer in suffered
        if answer is not required(damage.target.kind, damage.how)
    ]
    assert not wrong
    assert scene.protected.drill(scene.protected.points.listing().points[0].manifest.id).verdict.judgement is Judgement.SOUND


def test_the_campaign_requires_an_answer_to_every_damage():
    answers = {required(kind, how) for kind in Kind for how in How}

    assert Answer.SILENT not in answers


def test_a_lost_manifest_of_which_somebody_spoke_is_listed_as_damaged(protect):
    protected = protect("guestbook")
    point = distrusted(protected)
    (protected.vault_folder / f"{protected.points.folder(point)}manifest.json").unlink()

    listing = protected.points.listing()

    assert listing.points == ()
    assert [damaged.key for damaged in listing.damaged] == [f"{protected.points.folder(point)}manifest.json"]


def test_a_lost_distrust_mark_does_not_make_a_point_trusted_again(protect):
    protected = protect("guestbook")
    point = distrusted(protected)
    (protected.vault_folder / f"{protected.points.folder(point)}distrust.json").unlink()

    listing = protected.points.listing()

    assert listing.points == ()
    assert "distrust.json" in listing.damaged[0].reason


def test_a_version_that_never_was_is_damage(protect):
    protected = protect("guestbook")
    path = protected.vault_folder / f"{protected.points.folder(protected.back_up().id)}manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 0}))

    assert len(protected.points.listing().damaged) == 1


def test_an_expired_point_that_was_distrusted_leaves_only_its_tombstone(protect):
    protected = protect("guestbook")
    point, now = distrusted(protected), datetime.now(UTC)
    keys = tuple(stored.key for stored in protected.points.read_manifest(point).stored)
    expired = Expired(point=point, created=now, because="old", by="test", at=now, keys=keys, stored_bytes=0)

    bury(protected.points, expired)
    removed = remove(protected.points, point)

    assert removed.unknown == ()
    left = [listed.key for listed in protected.points.vault.list(protected.points.folder(point))]
    assert left == [protected.points.tombstone(point)]


def distrusted(protected):
    point = protected.back_up().id
    protected.points.distrust(Distrust(point=point, because="a test says so", by="test", at=datetime.now(UTC)))
    return point
