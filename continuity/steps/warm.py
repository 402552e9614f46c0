"""Warm points: a proven restore that a drill keeps, closed, so that a rollback to its point is the swap alone."""

import logging
from dataclasses import dataclass

from continuity.adapters import scratch
from continuity.adapters.activity import read_activity
from continuity.adapters.postgres import Connection, connect, fetch_value, translated
from continuity.adapters.swap import MAINTENANCE, find_database, system_identifier
from continuity.domain.recovery_point import DrillRecord, KeptDatabase, PointState
from continuity.domain.rollback import Warm
from continuity.errors import UnsafeOperation
from continuity.settings import Environment
from continuity.steps.shadow import close_shadow

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WarmChoice:
    """A warm database that can be used, or None; `notes` say of each other one why not."""

    warm: Warm | None = None
    notes: tuple[str, ...] = ()


def close_kept(name: str, environment: Environment) -> KeptDatabase | None:
    """Close a kept restore and describe it; None where it is not on the protected server, where it is no use to a rollback.

    Running it twice describes the same.

    Raises:
        UnsafeOperation: a stranger is on it.
        DatabaseError: it is gone, or the server refused.

    """
    with connect(environment.drill_dsn, MAINTENANCE) as there, connect(environment.rollback_dsn, MAINTENANCE) as protected:
        cluster = system_identifier(there)
        if cluster != system_identifier(protected):
            return None
        with connect(environment.drill_dsn, name) as connection:
            activity = read_activity(connection)
        close_shadow(there, name)
        state = find_database(there, name)
        if state is None:
            raise UnsafeOperation(f"database {name} is gone", hint="Drill again.")
        kept = KeptDatabase(
            name=name, oid=state.oid, system_identifier=cluster, sessions=_sessions_ever(there, state.oid), activity=activity
        )
    logger.info("kept database=%s oid=%d", kept.name, kept.oid)
    return kept


def find_warm(point: PointState, environment: Environment) -> WarmChoice:
    """Look for a database that a drill of exactly these bytes has kept, and that nobody has been in since. Changes nothing.

    On doubt it is not used: restoring anew takes longer, and is right.
    """
    notes: list[str] = []
    with connect(environment.rollback_dsn, MAINTENANCE) as connection:
        cluster = system_identifier(connection)
        for drill in _kept(point):
            kept = drill.kept
            if kept is None or kept.system_identifier != cluster:
                continue
            if why := _unusable(connection, kept):
                notes.append(f"the kept database {kept.name} {why}: the point is restored anew")
                continue
            warm = Warm(kept=kept, drilled=drill.finished, verdict=drill.judgement.value)
            return WarmChoice(warm=warm, notes=(f"nothing is restored: {warm} takes its place as it is",))
    return WarmChoice(notes=tuple(notes[:1]))


def still_kept(kept: KeptDatabase, environment: Environment) -> bool:
    """Tell whether the server of drills has a kept database under its name and OID. Changes nothing."""
    with connect(environment.drill_dsn, MAINTENANCE) as connection:
        return system_identifier(connection) == kept.system_identifier and _there(connection, kept)


@dataclass(frozen=True, kw_only=True)
class KeptThere:
    """The databases that drills of a point have kept and that are there, by name and OID: still closed, or opened since."""

    closed: tuple[KeptDatabase, ...] = ()
    opened: tuple[KeptDatabase, ...] = ()


def find_kept(point: PointState, environment: Environment) -> KeptThere:
    """Look for what any drill of a point has kept. Changes nothing, and asks no server where no drill has kept anything."""
    kept = [drill.kept for drill in point.drills if drill.kept]
    if not kept:
        return KeptThere()
    closed: list[KeptDatabase] = []
    opened: list[KeptDatabase] = []
    with connect(environment.drill_dsn, MAINTENANCE) as connection:
        cluster = system_identifier(connection)
        for each in kept:
            state = find_database(connection, each.name)
            if each.system_identifier == cluster and state is not None and state.oid == each.oid:
                (opened if state.allows_connections else closed).append(each)
    return KeptThere(closed=tuple(closed), opened=tuple(opened))


def drop_kept(kept: KeptDatabase, environment: Environment) -> None:
    """Drop a kept database, by name and OID; one that is no longer that is left alone. Running it twice is a success.

    Raises:
        DatabaseError: somebody is on it, or the server refused.

    """
    with connect(environment.drill_dsn, MAINTENANCE) as connection:
        if system_identifier(connection) == kept.system_identifier and _there(connection, kept):
            scratch.drop_kept(connection, kept.name)
            logger.info("dropped database=%s oid=%d", kept.name, kept.oid)


def _kept(point: PointState) -> list[DrillRecord]:
    sha256 = point.manifest.dump.sha256
    kept = [drill for drill in point.drills if drill.kept and drill.proven and drill.dump_sha256 == sha256]
    return sorted(kept, key=lambda drill: drill.finished, reverse=True)


def _there(connection: Connection, kept: KeptDatabase) -> bool:
    state = find_database(connection, kept.name)
    return state is not None and state.oid == kept.oid


def _unusable(connection: Connection, kept: KeptDatabase) -> str:
    state = find_database(connection, kept.name)
    if state is None or state.oid != kept.oid:
        return "is gone"
    if state.allows_connections:
        return "was opened since"
    if (sessions := _sessions_ever(connection, kept.oid)) != kept.sessions:
        return f"was opened since ({sessions} sessions by its statistics, {kept.sessions} when it was closed)"
    return ""


def _sessions_ever(connection: Connection, oid: int) -> int:
    """Count the sessions that a database has ever had. A crash loses the count, which then differs: on doubt, opened."""
    with translated("statistics"):
        return int(fetch_value(connection, "select sessions from pg_catalog.pg_stat_database where datid = %s", oid) or 0)
