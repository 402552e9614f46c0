"""The step by which a proven restore takes the application's name, where no database has it."""

from psycopg import sql

from continuity.adapters.postgres import connect, translated
from continuity.adapters.swap import MAINTENANCE, allow_connections, close_sessions, find_database, system_identifier
from continuity.domain.plan import Facts
from continuity.domain.recovery import CLEAR, GIVE_NAME
from continuity.errors import UnsafeOperation
from continuity.steps.operation import PATIENT
from continuity.steps.step import Probe, Step, World


def _facts(world: World, arguments: Facts) -> Facts:
    """Record which database is renamed, by its OID: the name alone says nothing after a rename."""
    with connect(world.environment.rollback_dsn, MAINTENANCE) as connection:
        shadow = find_database(connection, arguments["shadow"])
        if shadow is None:
            raise UnsafeOperation(f"there is no database {arguments['shadow']}", hint="Make a new plan.")
        if (found := system_identifier(connection)) != arguments["system_identifier"]:
            raise UnsafeOperation(
                f"this is cluster {found}, the plan is for {arguments['system_identifier']}",
                hint="Another server answers at this address: check `[rollback] dsn`.",
            )
    return {**arguments, "shadow_oid": shadow.oid}


def _probe(world: World, facts: Facts) -> Probe:
    with connect(world.environment.rollback_dsn, MAINTENANCE) as connection:
        if system_identifier(connection) != facts["system_identifier"]:
            return Probe.FOREIGN
        named, shadow = find_database(connection, facts["live"]), find_database(connection, facts["shadow"])
    if named is not None:
        return Probe.DONE if named.oid == facts["shadow_oid"] else Probe.FOREIGN
    return Probe.NOT_DONE if shadow is not None and shadow.oid == facts["shadow_oid"] else Probe.FOREIGN


def _give(world: World, facts: Facts) -> Facts:
    """Rename it and let people in, in one transaction: under the application's name it is never seen closed."""
    live, shadow = sql.Identifier(facts["live"]), sql.Identifier(facts["shadow"])
    with (
        connect(world.environment.rollback_dsn, MAINTENANCE) as connection,
        translated(f"database {facts['live']}"),
        connection.transaction(),
    ):
        connection.execute(sql.SQL("alter database {} rename to {}").format(shadow, live))
        connection.execute(sql.SQL("alter database {} with allow_connections true").format(live))
        named = find_database(connection, facts["live"])
        if named is None or named.oid != facts["shadow_oid"]:
            raise UnsafeOperation(f"database {facts['shadow']} is not the one that was judged", detail="It was not renamed.")
    return {"live_oid": facts["shadow_oid"]}


def _take_back(world: World, facts: Facts) -> None:
    """Give it its former name and let nobody in, where it is still the one that was renamed."""
    live, shadow = sql.Identifier(facts["live"]), sql.Identifier(facts["shadow"])
    with connect(world.environment.rollback_dsn, MAINTENANCE) as connection, translated(f"database {facts['live']}"):
        named = find_database(connection, facts["live"])
        if named is None or named.oid != facts["shadow_oid"]:
            return
        allow_connections(connection, facts["live"], allowed=False)
        close_sessions(connection, named.oid)
        connection.execute(sql.SQL("alter database {} rename to {}").format(live, shadow))


def _rehearsed(world: World, facts: Facts) -> Probe:
    with connect(world.environment.rollback_dsn, MAINTENANCE) as connection:
        state = find_database(connection, facts["live"])
    if state is None:
        return Probe.DONE
    return Probe.NOT_DONE if state.oid == facts["live_oid"] else Probe.FOREIGN


def _drop(world: World, facts: Facts) -> Facts:
    with connect(world.environment.rollback_dsn, MAINTENANCE) as connection, translated(f"database {facts['live']}"):
        named = find_database(connection, facts["live"])
        if named is None or named.oid != facts["live_oid"]:
            raise UnsafeOperation(f"database {facts['live']} is not the one of this rehearsal", detail="It was not dropped.")
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(facts["live"])))
    return {}


GIVE_THE_NAME = Step(kind=GIVE_NAME, facts=_facts, probe=_probe, do=_give, undo=_take_back, retry=PATIENT)
"""In a recovery it decides the run, see `plan_recovery`; in a rehearsal everything is taken back when something fails."""
CLEAR_REHEARSAL = Step(
    kind=CLEAR,
    facts=lambda world, arguments: {**arguments, "live_oid": world.done[GIVE_NAME]["live_oid"]},
    probe=_rehearsed,
    do=_drop,
    retry=PATIENT,
)
