"""What the swap of a rollback needs. Facts are read once; what they mean is decided purely, here and in a preflight."""

from collections.abc import Iterator

from continuity.adapters.flag_table import may_switch, open_flags, read_rows
from continuity.adapters.pooler import read_entrances
from continuity.adapters.postgres import connect
from continuity.adapters.swap import MAINTENANCE
from continuity.adapters.swap_facts import Sessions, SwapFacts, read_swap_facts
from continuity.domain.application import Application, FlagTable
from continuity.domain.checks import Check
from continuity.errors import ContinuityError
from continuity.settings import Environment
from continuity.steps.preconditions.answers import failed, guarded, megabytes, none_of, some_of
from continuity.steps.preconditions.drill import needs_of_database, role_checks


def check_rollback(application: Application, environment: Environment) -> tuple[Check, ...]:
    """Look at everything that swapping the live database needs, of the role in `[rollback] dsn`. Changes nothing."""
    try:
        with connect(environment.rollback_dsn, application.database.name) as live:
            needs = needs_of_database(live)
        with connect(environment.rollback_dsn, MAINTENANCE) as connection:
            restoring = tuple(role_checks(connection, needs, setting="[rollback] dsn"))
    except ContinuityError as error:
        return (failed("live server", error),)
    return (*check_swap(application, environment), *restoring, *_flag_checks(application, environment))


def check_swap(application: Application, environment: Environment, *, restores: bool = True) -> tuple[Check, ...]:
    """Look at what the swap itself needs, from outside the live database, which a hold may have closed. Changes nothing.

    Without `restores` the other database is there already, and no room is asked for.
    """
    try:
        with connect(environment.rollback_dsn, MAINTENANCE) as connection:
            facts = read_swap_facts(connection, application.database.name)
    except ContinuityError as error:
        return (failed("live server", error),)
    return judge_swap(facts, restores=restores) + _pooler_checks(application, environment)


def _flag_checks(application: Application, environment: Environment) -> tuple[Check, ...]:
    """Look at a table of flags. Those of a ConfigMap are looked at with the release that a backup records."""
    source = application.flags
    if not isinstance(source, FlagTable):
        return ()
    return (guarded("flags", lambda: _flag_check(application.database.name, environment.rollback_dsn, source)),)


def _flag_check(database: str, dsn: str, source: FlagTable) -> Check:
    with open_flags(dsn, database, source) as flags:
        rows = read_rows(flags)
        missing = tuple(name for name in source.names if name not in rows)
        if missing:
            hint = "Mend `[flags] names` in application.toml, or add the rows."
            return Check(name="flags", passed=False, detail=f"{flags.name} has no row of {some_of(missing)}", hint=hint)
        return _answer(
            "flags",
            may_switch(flags),
            good=f"{len(rows)} flags in {flags.name} can be switched",
            bad=f"the role may not update {source.value_column!r} of {flags.name}",
            hint="Grant it UPDATE of that column, or name another role in `[rollback] dsn`.",
        )


def _pooler_checks(application: Application, environment: Environment) -> tuple[Check, ...]:
    if not environment.pooler_dsn:
        return ()
    return (guarded("pooler", lambda: _pooler_check(application.database.name, environment.pooler_dsn)),)


def _pooler_check(database: str, dsn: str) -> Check:
    found = read_entrances(dsn, database)
    paused = tuple(entrance.name for entrance in found if entrance.paused)
    if paused:
        return Check(
            name="pooler",
            passed=False,
            detail=f"somebody has paused {some_of(paused)}, and a rollback would let clients through",
            hint="Find out who, and RESUME it on the pooler's console.",
        )
    names = tuple(entrance.name for entrance in found)
    return _answer(
        "pooler",
        bool(names),
        good=f"clients of {some_of(names)} can be made to wait",
        bad=f"offers no database that is {database} on its server",
        hint="Name the pooler in front of this database in `[rollback] pooler_dsn`, or none.",
    )


def judge_swap(facts: SwapFacts, *, restores: bool = True) -> tuple[Check, ...]:
    """Judge the facts of a swap."""
    return tuple(_checks(facts, restores))


def _checks(facts: SwapFacts, restores: bool) -> Iterator[Check]:  # noqa: FBT001
    yield _answer(
        "rename",
        facts.superuser or facts.owns,
        good=f"{facts.role} may rename database {facts.database}",
        bad=f"{facts.role} does not own database {facts.database}, {facts.owner} does",
        hint=f"Grant {facts.owner} to {facts.role}, or name another role in `[rollback] dsn`.",
    )
    # RENAME, too, asks for CREATEDB (PostgreSQL manual, "ALTER DATABASE").
    yield _answer(
        "second copy",
        facts.superuser or (facts.creates_databases and facts.sets_owner),
        good=f"{facts.role} may make a database beside it and give it to {facts.owner}",
        bad=f"{facts.role} may not make or rename a database of {facts.owner}",
        hint=f"Give {facts.role} CREATEDB and membership in {facts.owner}.",
    )
    if restores:
        yield _room(facts)
    yield none_of(
        "prepared transactions",
        facts.prepared_transactions,
        "none is open",
        "are open and hold the database",
        "End each with COMMIT PREPARED or ROLLBACK PREPARED.",
    )
    yield none_of(
        "logical slots",
        facts.logical_slots,
        "none is on the database",
        "are on the database, and a slot cannot move to another one",
        "Drop them before a rollback, and set up what reads them anew after it.",
    )
    yield none_of(
        "subscriptions",
        facts.subscriptions,
        "none is enabled",
        "are enabled, and their workers come back to the database",
        "Disable them before a rollback: ALTER SUBSCRIPTION … DISABLE.",
    )
    yield from _session_checks(facts)


def _room(facts: SwapFacts) -> Check:
    if facts.room is None:
        return Check(
            name="server room",
            passed=True,
            detail=f"not seen from here; a second copy takes about {megabytes(facts.size_bytes)}, and WAL meanwhile",
            hint="Look at the free space of the server's data directory.",
        )
    return _answer(
        "server room",
        facts.room.free_bytes > facts.size_bytes,
        good=f"{megabytes(facts.room.free_bytes)} free in {facts.room.folder}, {megabytes(facts.size_bytes)} for a second copy",
        bad=f"{megabytes(facts.room.free_bytes)} free in {facts.room.folder}, {megabytes(facts.size_bytes)} for a second copy",
        hint="Make room on the server before a rollback is needed.",
    )


def _session_checks(facts: SwapFacts) -> Iterator[Check]:
    seen = ", ".join(f"{each.count} of {_who(each)}" for each in facts.sessions)
    above_us = tuple(sorted({each.role for each in facts.sessions if each.superuser and not facts.superuser}))
    strangers = tuple(sorted({each.role for each in facts.sessions if each.role != facts.role}))
    if above_us:
        yield Check(
            name="end sessions",
            passed=False,
            detail=f"{some_of(above_us)} has superuser sessions there, which {facts.role} may not end",
            hint="Let the application log in as a role without superuser, or roll back as a superuser.",
        )
    else:
        yield _answer(
            "end sessions",
            facts.superuser or facts.signals_others,
            good=f"{facts.role} may end them",
            bad=f"{facts.role} may not end sessions of other roles" + (f" ({some_of(strangers)} now)" if strangers else ""),
            hint=f"Grant pg_signal_backend to {facts.role}.",
        )
    superusers = tuple(sorted({each.role for each in facts.sessions if each.superuser}))
    if superusers:
        yield Check(
            name="application role",
            passed=True,
            detail=f"{some_of(superusers)} is on the database as a superuser, whom no REVOKE keeps out",
            hint="Let the application log in as a role without superuser.",
        )
    elif facts.sessions:
        yield Check(name="application role", passed=True, detail="none of the sessions seen is a superuser's")
    yield Check(name="sessions now", passed=True, detail=seen or "none: the application's role cannot be told")


def _who(sessions: Sessions) -> str:
    return sessions.role + (f" ({sessions.program})" if sessions.program else "")


def _answer(name: str, passed: bool, *, good: str, bad: str, hint: str) -> Check:  # noqa: FBT001 -- it is the answer
    return Check(name=name, passed=passed, detail=good if passed else bad, hint="" if passed else hint)
