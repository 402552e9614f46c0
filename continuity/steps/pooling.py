"""The step after a swap behind a pooler: whatever befell the process that held clients back, they get through."""

from continuity.adapters.pooler import let_through, read_entrances
from continuity.domain.plan import Facts
from continuity.steps.operation import Retry
from continuity.steps.step import Probe, Step, World


def _probe(world: World, facts: Facts) -> Probe:
    dsn = world.environment.pooler_dsn
    waiting = dsn and any(entrance.paused for entrance in read_entrances(dsn, facts["live"]))
    return Probe.NOT_DONE if waiting else Probe.DONE


def open_entrances(world: World, facts: Facts) -> Facts:
    """Let clients through to the live database. Running it twice is a success; without a pooler there is nothing to do."""
    dsn = world.environment.pooler_dsn
    return {"resumed": let_through(dsn, facts["live"]) if dsn else 0}


OPEN_POOLER = Step(
    kind="open the pooler",
    probe=_probe,
    do=open_entrances,
    retry=Retry(attempts=5, first_wait_seconds=0.5, longest_wait_seconds=5.0),
)
