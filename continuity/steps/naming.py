"""The step by which a proven restore takes the application's name, where no database has it."""

from psycopg import sql

from continuity.adapters.postgres import Connection, connect, translated
from continuity.adapters.recovery_place import count_objects
from continuity.adapters.swap import MAINTENANCE, allow_connections, close_sessions, find_database, system_identifier
from continuity.domain.plan import Facts
from continuity.domain.recovery import CLEAR, GIVE_NAME
from continuity.domain.recovery_place import MEET_SERVER
from continuity.domain.swap import mark_of, replaced_name
from continuity.errors import UnsafeOperation
from continuity.steps.operation import PATIENT
from continuity.steps.servers import expected_server, on_server
from continuity.steps.step import Probe, Step, World

_WHO = "Find out who else is at work on it; then make a new plan."


def _facts(world: World, arguments: Facts) -> Facts:
    """Record which database is renamed, by its OID: the name alone says nothing after a rename."""
    with on_server(world, arguments) as connection:
        shadow = find_database(connection, arguments["shadow"])
    if shadow is None:
        raise UnsafeOperation(f"there is no database {arguments['shadow']}", hint="Make a new plan.")
    identifier, empty = expected_server(world, arguments), world.done.get(MEET_SERVER, {}).get("empty_oid")
    facts = {**arguments, "system_identifier": identifier, "shadow_oid": shadow.oid}
    if empty is None:
        return facts
    kept = replaced_name(arguments["live"], mark_of(identifier, empty, shadow.oid))
    return facts | {"empty_oid": empty, "replaced": kept}


def _probe(world: World, facts: Facts) -> Probe:
    with connect(world.environment.rollback_dsn, MAINTENANCE) as connection:
        if system_identifier(connection) != facts["system_identifier"]:
            return Probe.FOREIGN
        named, shadow = find_database(connection, facts["live"]), find_database(connection, facts["shadow"])
    if named is not None and named.oid != facts.get("empty_oid"):
        return Probe.DONE if named.oid == facts["shadow_oid"] else Probe.FOREIGN
    return Probe.NOT_DONE if shadow is not None and shadow.oid == facts["shadow_oid"] else Probe.FOREIGN


def _give(world: World, facts: Facts) -> Facts:
    """Rename it and let people in, in one transaction: under the application's name it is never seen closed.

    An empty database that a new server has brought along under this name is kept beside it, closed.
    """
    if "empty_oid" in facts and (objects := count_objects(world.environment.rollback_dsn, facts["live"])):
        raise UnsafeOperation(f"database {facts['live']} is not empty any more: it has {objects} objects", hint=_WHO)
    live, shadow = sql.Identifier(facts["live"]), sql.Identifier(facts["shadow"])
    with (
        on_server(world, facts) as connection,
        translated(f"database {facts['live']}"),
        connection.transaction(),
    ):
        if "empty_oid" in facts:
            _keep_beside(connection, facts)
        connection.execute(sql.SQL("alter database {} rename to {}").format(shadow, live))
        connection.execute(sql.SQL("alter database {} with allow_connections true").format(live))
        named = find_database(connection, facts["live"])
        if named is None or named.oid != facts["shadow_oid"]:
            raise UnsafeOperation(f"database {facts['shadow']} is not the one that was judged", detail="It was not renamed.")
    return {"live_oid": facts["shadow_oid"]}


def _keep_beside(connection: Connection, facts: Facts) -> None:
    found = find_database(connection, facts["live"])
    if found is None or found.oid != facts["empty_oid"]:
        raise UnsafeOperation(f"database {facts['live']} is not the one that was met", detail="Nothing was renamed.", hint=_WHO)
    allow_connections(connection, facts["live"], allowed=False)
    connection.execute(
        sql.SQL("alter database {} rename to {}").format(sql.Identifier(facts["live"]), sql.Identifier(facts["replaced"]))
    )


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
    facts=lambda world, arguments: {**arguments, "live_oid": world.done[GIVE_NAME]["shadow_oid"]},
    probe=_rehearsed,
    do=_drop,
    retry=PATIENT,
)
