"""Steps that bring a proven database up beside the live one: restore it, and judge it."""

import logging
import time
from dataclasses import asdict
from typing import Protocol

from psycopg import sql

from continuity.adapters import scratch
from continuity.adapters.activity import read_activity
from continuity.adapters.postgres import Connection, connect, translated
from continuity.adapters.swap import MAINTENANCE, allow_connections, find_database, sessions_on
from continuity.domain.application import Application
from continuity.domain.plan import Facts
from continuity.domain.recovery_point import Manifest, RecoveryPointId
from continuity.domain.verdict import Verdict
from continuity.errors import DatabaseError, DrillFailed, UnsafeOperation
from continuity.steps.operation import Retry
from continuity.steps.places import points_of
from continuity.steps.restoring import discard_dump, fetch_dump, restore_as
from continuity.steps.servers import on_server
from continuity.steps.step import Probe, Step, World

logger = logging.getLogger(__name__)

JUDGE_SHADOW = "judge the shadow"
LEAVING_SECONDS, LOOK_SECONDS = 2.0, 0.02
"""A backend ends some milliseconds after its client has closed the session."""


class Judge(Protocol):
    """Judges a restored database against its point."""

    def __call__(self, dsn: str, database: str, manifest: Manifest, application: Application) -> Verdict:
        """Return the verdict."""


def _probe_shadow(world: World, facts: Facts) -> Probe:
    with on_server(world, facts) as connection:
        return Probe.DONE if find_database(connection, facts["shadow"]) else Probe.NOT_DONE


def _restore_shadow(world: World, facts: Facts) -> Facts:
    """Restore under one name, and rename when it is whole: a half restored database never has the shadow's name."""
    environment, dsn = world.environment, world.environment.rollback_dsn
    manifest = read_planned(world, facts)
    with on_server(world, facts) as connection:
        # The name carries the plan's hash: what has it was begun by this run, and broke off.
        scratch.drop_database(connection, facts["restoring"])
    dump = fetch_dump(manifest, environment, world.report)
    try:
        restored = restore_as(facts["restoring"], manifest, dump, environment, dsn=dsn, report=world.report)
    finally:
        discard_dump(dump)
    with connect(dsn, MAINTENANCE) as connection:
        if restored.errors:
            scratch.drop_database(connection, facts["restoring"])
            raise DrillFailed(
                f"{manifest.id} did not restore without errors: {restored.errors[0]}",
                detail="\n".join(restored.errors[:5]),
                hint="Choose another point (`continuity points`), and drill this one to learn more.",
            )
        with translated(f"database {facts['restoring']}"):
            connection.execute(
                sql.SQL("alter database {} rename to {}").format(
                    sql.Identifier(facts["restoring"]), sql.Identifier(facts["shadow"])
                )
            )
    return {"seconds": round(restored.seconds, 1)}


def _drop_shadow(world: World, facts: Facts) -> None:
    with on_server(world, facts) as connection:
        for name in (facts["restoring"], facts["shadow"]):
            scratch.drop_database(connection, name)


def read_planned(world: World, facts: Facts) -> Manifest:
    """Read the point that was planned for, and make sure that it is still of the bytes that were proven.

    Raises:
        UnsafeOperation: it is another by now.

    """
    manifest = points_of(world.environment, world.application.name).read_manifest(RecoveryPointId(facts["point"]))
    if manifest.dump.sha256 != facts["dump_sha256"]:
        raise UnsafeOperation(
            f"{manifest.id} is not what was planned for: its dump has sha256 {manifest.dump.sha256}",
            hint="Make a new plan.",
        )
    return manifest


RESTORE_SHADOW = Step(
    kind="restore the shadow",
    do=_restore_shadow,
    probe=_probe_shadow,
    undo=_drop_shadow,
    retry=Retry(attempts=2, first_wait_seconds=2.0),
)


def judging(judge: Judge) -> Step:
    """Return the step that judges the shadow by `judge`, and closes it: what is proven must not change any more."""

    def validate(world: World, facts: Facts) -> Facts:
        dsn, shadow = world.environment.rollback_dsn, facts["shadow"]
        manifest = read_planned(world, facts)
        with on_server(world, facts) as connection:
            allow_connections(connection, shadow, allowed=True)
        verdict = judge(dsn, shadow, manifest, world.application)
        wrong = [finding.name for finding in verdict.findings if not finding.passed]
        if not verdict.proven:
            raise _unproven(manifest, verdict, wrong)
        with connect(dsn, shadow) as connection:
            activity = read_activity(connection)
        with connect(dsn, MAINTENANCE) as connection:
            close_shadow(connection, shadow)
        return {
            # Once it is live, what is written is counted from here.
            "activity": [asdict(each) for each in activity],
            "verdict": verdict.judgement.value,
            "because": verdict.because,
            "checks": len(verdict.findings),
            "not held": wrong,
            "tables": [{"table": table.table, "rows": table.rows, "digest": table.digest} for table in manifest.tables],
        }

    return Step(kind=JUDGE_SHADOW, do=validate, observes=True, retry=Retry(attempts=2, first_wait_seconds=2.0))


def close_shadow(connection: Connection, shadow: str) -> None:
    """Let nobody in any more, once nobody is on it. Sessions of our own that have just ended are given a moment to go.

    Raises:
        UnsafeOperation: a stranger is on it, who may have changed what was proven.

    """
    state = find_database(connection, shadow)
    if state is None:
        raise DatabaseError(f"database {shadow} is gone", hint="Make a new plan.")
    allow_connections(connection, shadow, allowed=False)
    until = time.monotonic() + LEAVING_SECONDS
    while (strangers := sessions_on(connection, state.oid)) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    if strangers:
        raise UnsafeOperation(
            f"{strangers[0]} is connected to {shadow}, which nobody should know", hint="Find out who; then make a new plan."
        )


def _unproven(manifest: Manifest, verdict: Verdict, wrong: list[str]) -> UnsafeOperation:
    return UnsafeOperation(
        f"the restore of {manifest.id} is {verdict.judgement.value}: {verdict.because}",
        detail="; ".join(wrong[:10]),
        hint="Choose another point (`continuity points`); this one is not what was proven.",
    )
