"""Rows and files of one application: after a restore, and on what is live."""

from dataclasses import replace

import psycopg
import pytest

from continuity.domain.agreement import MISSING, ORPHANS
from continuity.domain.application import MediaBucket, MediaReference
from continuity.domain.verdict import Judgement, Outcome
from continuity.procedures.drill import Validated
from continuity.procedures.validation import validate_live
from continuity.steps.operation import perform_plainly
from tests.fixtures.killing import judge_live_by_reach
from tests.fixtures.media import bucket_on
from tests.fixtures.places import ByDigests

TOWN, NAME = MediaReference(column="public.guests.town"), MediaReference(column="public.guests.name", prefix="people/")


@pytest.fixture
def bucket(moto_endpoint):
    return bucket_on(moto_endpoint)


@pytest.fixture
def gallery(protect, bucket):
    """A guestbook whose guests' towns and names are files, keys with accents, blanks and signs among them."""
    protected = replace(protect("guestbook"), validator=ByDigests())
    with psycopg.connect(protected.dsn, autocommit=True) as session:
        session.execute("delete from guests where number > (select min(number) + 8 from guests)")
        session.execute("update guests set name = 'Z ' || number || 'é.jpg', town = 'towns/B'")
        session.execute("update guests set town = 'towns/ä' where number % 2 = 0")
        rows = session.execute("select 'people/' || name from guests union select town from guests").fetchall()
    for (key,) in rows:
        bucket.put(key, "picture")
    environment = protected.environment.model_copy(
        update={"media": protected.environment.media.model_copy(update={"endpoint_url": bucket.endpoint})}
    )
    return _described(replace(protected, environment=environment), bucket, TOWN, NAME)


def _described(protected, bucket, *references):
    media = MediaBucket(bucket=bucket.name, references=references)
    return replace(protected, application=replace(protected.application, media=media))


class ByReach(ByDigests):
    """Examines a live database by whether it can be read."""

    def live(self, dsn, database, manifest, application) -> Validated:
        return Validated(findings=judge_live_by_reach(dsn, database, manifest, application).findings, result="")


def _of(findings):
    return {finding.name: finding for finding in findings if finding.name in {MISSING, ORPHANS}}


def test_a_restore_is_compared_with_the_map_of_its_point_and_the_live_database_with_the_bucket(gallery, bucket):
    bucket.put("nobody's.jpg", "x")
    gallery.back_up()
    bucket.delete("towns/B")

    drilled = _of(gallery.drill().verdict.findings)
    examined = validate_live(gallery.application, gallery.environment, perform=perform_plainly, validate=ByReach())
    live = _of(examined.verdict.findings)

    assert drilled[MISSING].outcome is Outcome.PASSED, drilled[MISSING].detail
    assert drilled[ORPHANS].detail.endswith("the first: nobody's.jpg")
    assert examined.verdict.judgement is Judgement.UNHEALTHY
    assert live[MISSING].detail.endswith(f"not in bucket {bucket.name}, the first: towns/B (public.guests.town)")


def test_a_point_whose_file_is_missing_is_unhealthy_and_proven(gallery, bucket):
    bucket.delete("towns/ä")
    gallery.back_up()

    verdict = gallery.drill().verdict

    assert (verdict.judgement, verdict.proven) == (Judgement.UNHEALTHY, True)
    assert "towns/ä (public.guests.town)" in _of(verdict.findings)[MISSING].detail


def test_what_could_not_be_compared_is_not_proven(gallery, bucket):
    gallery.back_up()

    misspelt = _described(gallery, bucket, MediaReference(column="public.guests.picture"))

    finding = _of(misspelt.drill().verdict.findings)[MISSING]
    assert finding.outcome is Outcome.NOT_PROVEN
    assert 'column "picture" does not exist' in finding.detail


def test_a_point_from_before_the_bucket_was_described_is_not_proven_to_agree(gallery):
    replace(gallery, application=replace(gallery.application, media=None)).back_up()

    finding = _of(gallery.drill().verdict.findings)[MISSING]

    assert (finding.outcome, "has no map of media" in finding.detail) == (Outcome.NOT_PROVEN, True)
