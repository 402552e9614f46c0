"""The step that drops a replaced database: the only one that destroys data, and it cannot be taken back."""

from dataclasses import asdict

from psycopg import sql

from continuity.adapters.postgres import connect, fetch_value, translated
from continuity.adapters.swap import MAINTENANCE, find_database, sessions_on, system_identifier
from continuity.adapters.swap_facts import read_swap_facts
from continuity.domain.discarding import DROP_REPLACED, Replaced, ReplacedState
from continuity.domain.plan import Facts
from continuity.errors import UnsafeOperation
from continuity.settings import Environment
from continuity.steps.operation import Retry
from continuity.steps.step import Probe, Step, World


def observe_replaced(replaced: Replaced, environment: Environment) -> ReplacedState:
    """Ask the server what has become of a replaced database. Changes nothing."""
    with connect(environment.rollback_dsn, MAINTENANCE) as connection:
        cluster = system_identifier(connection)
        name = fetch_value(connection, "select datname from pg_catalog.pg_database where oid = %s", replaced.oid)
        if name is None or cluster != replaced.system_identifier:
            return ReplacedState(system_identifier=cluster, name="")
        state, facts = find_database(connection, str(name)), read_swap_facts(connection, str(name))
        return ReplacedState(
            system_identifier=cluster,
            name=str(name),
            open=state is None or state.allows_connections,
            size_bytes=facts.size_bytes,
            sessions=tuple(map(str, sessions_on(connection, replaced.oid))),
            slots=facts.logical_slots,
            prepared=facts.prepared_transactions,
        )


def _probe(world: World, facts: Facts) -> Probe:
    replaced = Replaced(**facts)
    state = observe_replaced(replaced, world.environment)
    if state.system_identifier != replaced.system_identifier:
        return Probe.FOREIGN
    return {"": Probe.DONE, replaced.name: Probe.NOT_DONE}.get(state.name, Probe.FOREIGN)


def _drop(world: World, facts: Facts) -> Facts:
    """Drop it without force: a session that came since the plan is a refusal by the server."""
    replaced = Replaced(**facts)
    state = observe_replaced(replaced, world.environment)
    if state.name != replaced.name or state.open or state.sessions:
        raise UnsafeOperation(
            f"database {replaced.name} is not as planned: {state}", detail="It was not dropped.", hint="Make a new plan."
        )
    with connect(world.environment.rollback_dsn, MAINTENANCE) as connection, translated(f"database {replaced.name}"):
        connection.execute(sql.SQL("drop database {}").format(sql.Identifier(replaced.name)))
    return {"dropped": asdict(replaced), "size_bytes": state.size_bytes}


DISCARD = Step(
    kind=DROP_REPLACED,
    probe=_probe,
    do=_drop,
    pivot=True,
    retry=Retry(attempts=2, first_wait_seconds=1.0),
)
