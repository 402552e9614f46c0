"""Steps that keep two databases from being written to, and make sure that the new one can be."""

from psycopg import sql

from continuity.adapters.postgres import connect, translated
from continuity.adapters.swap import MAINTENANCE, find_database, system_identifier
from continuity.domain.plan import Facts
from continuity.domain.recovery import FENCE, PROBE_WRITE
from continuity.domain.recovery_place import OldPrimary
from continuity.errors import CheckFailed, DatabaseError, UnsafeOperation
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Retry
from continuity.steps.servers import expected_server, refuse_another_server
from continuity.steps.step import Probe, Step, World
from continuity.steps.traffic import close_to_all, look_whether_closed


def observe_old_primary(environment: Environment, database: str) -> OldPrimary:
    """Ask the server that served before who it is. Changes nothing. One that does not answer is that, and no error."""
    if environment.recovery.old_dsn is None:
        return OldPrimary()
    try:
        with connect(environment.recovery.old_dsn.get_secret_value(), MAINTENANCE) as connection:
            state = find_database(connection, database)
            identifier = system_identifier(connection)
    except DatabaseError:
        return OldPrimary(reachable=False)
    # Without such a database nothing there can be written to under the application's name; which server it is, is told.
    return OldPrimary(reachable=True, system_identifier=identifier, oid=state.oid if state else None)


def _old_dsn(world: World) -> str:
    if world.environment.recovery.old_dsn is None:
        raise UnsafeOperation("the old primary has no address any more", hint="Set `[recovery] old_dsn` as it was.")
    return world.environment.recovery.old_dsn.get_secret_value()


def _fenced(world: World, facts: Facts) -> Probe:
    with connect(_old_dsn(world), MAINTENANCE) as connection:
        if system_identifier(connection) != facts["system_identifier"]:
            return Probe.FOREIGN
        return look_whether_closed(connection, facts)


def _fence(world: World, facts: Facts) -> Facts:
    with connect(_old_dsn(world), MAINTENANCE) as connection:
        return close_to_all(connection, facts)


def _probe_write(world: World, facts: Facts) -> Facts:
    """Write and read a row, and take all of it back: a server in recovery or without room would refuse."""
    name = sql.Identifier(f"continuity_probe_{world.run[-4:]}")
    with (
        connect(world.environment.rollback_dsn, facts["live"]) as connection,
        translated(f"a write to {facts['live']}"),
        connection.transaction(force_rollback=True),
    ):
        refuse_another_server(connection, expected_server(world, facts))
        connection.execute(sql.SQL("create schema {}").format(name))
        connection.execute(sql.SQL("create table {}.probe (value int primary key)").format(name))
        connection.execute(sql.SQL("insert into {}.probe values (1)").format(name))
        read = connection.execute(sql.SQL("select value from {}.probe").format(name)).fetchone()
    if read is None or read["value"] != 1:
        raise CheckFailed(f"a row that was written to {facts['live']} could not be read", hint="Look at the server's log.")
    return {"written": 1, "taken back": 1}


FENCE_OLD_PRIMARY = Step(kind=FENCE, probe=_fenced, do=_fence, retry=Retry(attempts=3, first_wait_seconds=2.0))
PROBE_A_WRITE = Step(kind=PROBE_WRITE, do=_probe_write, observes=True, retry=PATIENT)
