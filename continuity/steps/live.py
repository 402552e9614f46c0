"""Steps that look at the live database after a swap: its suites, and how long its queries take."""

import logging
from typing import Protocol

from continuity.adapters.query_times import measure_queries
from continuity.domain.application import Application
from continuity.domain.plan import Facts
from continuity.domain.query_times import slower
from continuity.domain.recovery_point import Manifest
from continuity.domain.verdict import Judgement, Verdict
from continuity.errors import CheckFailed
from continuity.steps.operation import PATIENT
from continuity.steps.places import dsn_of
from continuity.steps.shadow import read_planned
from continuity.steps.step import Step, World

logger = logging.getLogger(__name__)

VALIDATE_LIVE = "validate the live database"


class JudgeLive(Protocol):
    """Judges a live database by its suites; `manifest` is the point that it was brought back to."""

    def __call__(self, dsn: str, database: str, manifest: Manifest, application: Application) -> Verdict:
        """Return the verdict."""


def validating_live(judge: JudgeLive) -> Step:
    """Return the step that judges the live database by `judge`.

    A rule that does not hold is noted: what it found was in the point already, or was written since, and neither is
    mended by a run that stays open. A database of which nothing could be decided fails.
    """

    def validate(world: World, facts: Facts) -> Facts:
        manifest = read_planned(world, facts)
        verdict = judge(dsn_of(world.environment), world.application.database.name, manifest, world.application)
        wrong = [finding.name for finding in verdict.findings if not finding.passed and finding.name not in verdict.accepted]
        logger.info("validated the live database judgement=%s checks=%d", verdict.judgement.value, len(verdict.findings))
        if verdict.judgement not in {Judgement.SOUND, Judgement.UNHEALTHY}:
            raise CheckFailed(
                f"the live database is {verdict.judgement.value}: {verdict.because}",
                detail="; ".join(wrong[:10]),
                hint=f"Look closer: `continuity validate {world.application.name}`.",
            )
        return {
            "live verdict": verdict.judgement.value,
            "because": verdict.because,
            "checks": len(verdict.findings),
            "not held": wrong,
            "noted": [f"the live database: {verdict.because}"] if verdict.judgement is Judgement.UNHEALTHY else [],
        }

    return Step(kind=VALIDATE_LIVE, do=validate, observes=True, retry=PATIENT)


def _compare_query_times(world: World, facts: Facts) -> Facts:
    """Measure, and note what is clearly slower than the point's baseline: after a swap, plans may be other ones."""
    manifest = read_planned(world, facts)
    now = measure_queries(dsn_of(world.environment), world.application.database.name, world.application.queries)
    noted = list(slower(manifest.query_times, now))
    known = {each.name for each in manifest.query_times if each.seconds is not None}
    compared = known.intersection(each.name for each in now)
    # A point from before the queries were described is nothing to look at; it is said, and no more.
    because = f"{len(compared)} of {len(now)} queries have a time in {manifest.id} to compare with"
    logger.info("measured queries=%d compared=%d noted=%d", len(now), len(compared), len(noted))
    return {"queries": {each.name: each.seconds for each in now}, "noted": noted, "because": because}


COMPARE_QUERY_TIMES = Step(kind="compare query times", do=_compare_query_times, observes=True, retry=PATIENT)
