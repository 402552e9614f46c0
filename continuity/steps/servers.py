"""The server that a run acts on: a session on it, held to the identity that was planned, or recorded when it was met."""

from collections.abc import Iterator
from contextlib import contextmanager

from continuity.adapters.postgres import Connection, connect
from continuity.adapters.swap import MAINTENANCE, system_identifier
from continuity.domain.plan import Facts
from continuity.domain.recovery_place import MEET_SERVER
from continuity.errors import UnsafeOperation
from continuity.steps.step import World


def expected_server(world: World, facts: Facts) -> str:
    """Return the system identifier that a step is bound to: its plan's, or that of the server that this run has made.

    "" where neither says: a rollback's swap compares for all of its steps.
    """
    return str(facts.get("system_identifier") or world.done.get(MEET_SERVER, {}).get("system_identifier", ""))


@contextmanager
def on_server(world: World, facts: Facts) -> Iterator[Connection]:
    """Open a session from which databases are made and renamed.

    Raises:
        UnsafeOperation: another server than the run's answers at this address.
        DatabaseError: nobody answers.

    """
    with connect(world.environment.rollback_dsn, MAINTENANCE) as connection:
        refuse_another_server(connection, expected_server(world, facts))
        yield connection


def refuse_another_server(connection: Connection, expected: str) -> None:
    """Make sure that a session is on the server that was meant.

    Raises:
        UnsafeOperation: another one answers at this address.

    """
    if expected and (found := system_identifier(connection)) != expected:
        raise UnsafeOperation(
            f"this is cluster {found}, the plan is for {expected}",
            hint="Another server answers at this address: check `[rollback] dsn`, and what the infrastructure says.",
        )
