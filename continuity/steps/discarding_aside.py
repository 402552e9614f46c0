"""The step that drops what was set aside: like that for a replaced database it destroys data, and cannot be taken back."""

from continuity.adapters.dependencies import read_schema
from continuity.adapters.postgres import connect
from continuity.adapters.quarantine import drop_aside, read_places
from continuity.domain.discarding_aside import DROP_ASIDE, AsideState
from continuity.domain.plan import Facts
from continuity.domain.setting_aside import Position, positions, set_aside_of
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Operation, Retry
from continuity.steps.quarantine import is_planned_database, limits_of
from continuity.steps.step import Probe, Step, World


def observe_aside(facts: Facts, environment: Environment) -> AsideState:
    """Ask the server what has become of what was set aside, and who needs it. Changes nothing."""
    with connect(environment.rollback_dsn, facts["live"]) as connection:
        if not is_planned_database(connection, facts):
            return AsideState(schema=None, places={})
        return AsideState(schema=read_schema(connection), places=read_places(connection, set_aside_of(facts)))


def _probe(world: World, facts: Facts) -> Probe:
    aside = set_aside_of(facts)
    with connect(world.environment.rollback_dsn, facts["live"]) as connection:
        if not is_planned_database(connection, facts):
            return Probe.FOREIGN
        found = read_places(connection, aside)
    if not any((change.catalog, change.oid, change.number) in found for change in aside.changes):
        return Probe.DONE
    return Probe.NOT_DONE if positions(aside, found) == {Position.ASIDE} else Probe.FOREIGN


def _drop(world: World, facts: Facts) -> Facts:
    held = drop_aside(world.environment.rollback_dsn, facts["live"], set_aside_of(facts), limits=limits_of(world.environment))
    return {"dropped": facts["name"], "locked seconds": round(held.seconds, 3)}


DISCARD_ASIDE = Step(kind=DROP_ASIDE, probe=_probe, do=_drop, pivot=True, retry=Retry(attempts=2, first_wait_seconds=1.0))
OBSERVE_ASIDE = Operation(name="observe what was set aside", run=observe_aside, retry=PATIENT)
