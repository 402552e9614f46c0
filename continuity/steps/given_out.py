"""Steps that keep a recovered database from giving out again what the lost side has given out: ids, and the right to be in.

Both act on a restore that is judged and closed. Whoever comes in later finds it so.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from continuity.adapters.given_out import count_signed_in, move_sequence, read_feeding, sign_out
from continuity.adapters.postgres import Connection, connect
from continuity.adapters.swap import allow_connections, find_database
from continuity.domain.given_out import BUMP_SEQUENCES, REVOKE_SESSIONS
from continuity.domain.plan import Facts
from continuity.errors import UnsafeOperation
from continuity.steps.operation import PATIENT
from continuity.steps.servers import on_server
from continuity.steps.shadow import close_shadow
from continuity.steps.step import Probe, Step, World


@contextmanager
def _inside(world: World, facts: Facts) -> Iterator[Connection]:
    """Open a session on the closed restore, for us alone: it is closed again, and a stranger on it is an error."""
    name = facts["shadow"]
    with on_server(world, facts) as server:
        found = find_database(server, name)
        if found is None or found.oid != facts.get("shadow_oid", found.oid):
            raise UnsafeOperation(f"database {name} is not the one that was judged", hint="Take the run back; make a new plan.")
        allow_connections(server, name, allowed=True)
        try:
            with connect(world.environment.rollback_dsn, name) as connection:
                yield connection
        finally:
            close_shadow(server, name)


def _oid(world: World, facts: Facts) -> int:
    with on_server(world, facts) as server:
        found = find_database(server, facts["shadow"])
    if found is None:
        raise UnsafeOperation(f"there is no database {facts['shadow']}", hint="Make a new plan.")
    return found.oid


def _sequence_facts(world: World, arguments: Facts) -> Facts:
    """Record where every sequence stands, and where it will.

    Raises:
        UnsafeOperation: one has not so many values left; nothing was changed.

    """
    facts = {**arguments, "shadow_oid": _oid(world, arguments)}
    with _inside(world, facts) as connection:
        found = read_feeding(connection)
    if short := [str(each) for each in found if each.ends_before(arguments["values"])]:
        raise UnsafeOperation(
            f"sequence {short[0]} would pass the end of its range, or of its column's",
            detail="\n".join(short),
            hint="Ask for fewer (`--bump-sequences`), or none; nothing was changed.",
        )
    moves = [
        {"schema": each.schema, "name": each.name, "from": each.position, "to": each.after(arguments["values"])}
        for each in found
        if not each.cycles
    ]
    noted = [f"not bumped, since it starts over by itself: sequence {each}" for each in found if each.cycles]
    return facts | {"sequences": moves, "noted": noted}


def _sequences_moved(world: World, facts: Facts) -> Probe:
    with _inside(world, facts) as connection:
        stand = {(each.schema, each.name): each.position for each in read_feeding(connection)}
    seen = [(stand.get((each["schema"], each["name"])), each) for each in facts["sequences"]]
    if any(at not in (each["from"], each["to"]) for at, each in seen):
        return Probe.FOREIGN
    return Probe.DONE if all(at == each["to"] for at, each in seen) else Probe.NOT_DONE


def _move_sequences(world: World, facts: Facts) -> Facts:
    """Move each to its recorded place: running it twice, or after a kill among them, moves none further."""
    with _inside(world, facts) as connection:
        for each in facts["sequences"]:
            move_sequence(connection, each["schema"], each["name"], to=each["to"])
    return {"bumped": len(facts["sequences"])}


def _move_back(world: World, facts: Facts) -> None:
    """Put each back where it stood, while the restore still has the name under which nobody knows it."""
    with on_server(world, facts) as server:
        found = find_database(server, facts["shadow"])
    if found is None or found.oid != facts["shadow_oid"]:
        return
    with _inside(world, facts) as connection:
        for each in facts["sequences"]:
            move_sequence(connection, each["schema"], each["name"], to=each["from"])


def _session_facts(world: World, arguments: Facts) -> Facts:
    facts = {**arguments, "shadow_oid": _oid(world, arguments)}
    with _inside(world, facts) as connection:
        return facts | {"signed in": count_signed_in(connection, arguments["places"])}


def _signed_out(world: World, facts: Facts) -> Probe:
    with _inside(world, facts) as connection:
        return Probe.NOT_DONE if any(count_signed_in(connection, facts["places"]).values()) else Probe.DONE


def _sign_out(world: World, facts: Facts) -> Facts:
    with _inside(world, facts) as connection:
        sign_out(connection, facts["places"])
    return {"revoked": sum(facts["signed in"].values())}


BUMP_THE_SEQUENCES = Step(
    kind=BUMP_SEQUENCES, facts=_sequence_facts, probe=_sequences_moved, do=_move_sequences, undo=_move_back, retry=PATIENT
)
REVOKE_THE_SESSIONS = Step(kind=REVOKE_SESSIONS, facts=_session_facts, probe=_signed_out, do=_sign_out, retry=PATIENT)
"""To take it back is to drop the restore, which the step that has made it does: the point still has every row."""
