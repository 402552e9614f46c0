"""The sessions of a restore: their settings, and what their messages say of the server's room."""

from continuity.adapters import privileges
from continuity.adapters.postgres import Connection, fetch_value
from continuity.errors import DrillFailed

TUNING = {
    "synchronous_commit": "off",
    "maintenance_work_mem": "256MB",
    "max_parallel_maintenance_workers": "2",
    "statement_timeout": "0",
    "lock_timeout": "0",
}
"""Settings of the restoring sessions only: a scratch database that dies with its server is restored again."""
MESSAGES = "lc_messages"
ENGLISH = ("", "C", "POSIX", "en")
NO_ROOM = ("could not extend file", "No space left on device", "Disk quota exceeded")
"""How PostgreSQL tells a full disk. Half a block that fits hides the cause (15.18: `wrote only 4096 of 8192`)."""


def restoring_settings(connection: Connection) -> dict[str, str]:
    """Return the settings of restoring sessions of the connection's role, with messages in English where it may choose.

    pg_restore shows the server's messages and no SQLSTATE, so a full disk (53100) is known by its words alone.
    """
    return {**TUNING, MESSAGES: "C"} if privileges.may_set(connection, MESSAGES) else dict(TUNING)


def foreign_messages(connection: Connection) -> str:
    """Return the language in which the server would tell a full disk, where it is none that is understood here; else ""."""
    if privileges.may_set(connection, MESSAGES):
        return ""
    language = str(fetch_value(connection, "select pg_catalog.current_setting(%s)", MESSAGES))
    return "" if language.split("_", maxsplit=1)[0].split(".", maxsplit=1)[0] in ENGLISH else language


def refuse_full(errors: tuple[str, ...]) -> None:
    """Tell a full disk from a bad point: pg_restore goes on past it, and what is missing then would be held against the point.

    Raises:
        DrillFailed: one of the errors is about room.

    """
    if full := next((each for each in errors if any(words in each for words in NO_ROOM)), ""):
        raise DrillFailed(
            f"the server has no room for the restore: {full}", hint="Make room where it keeps its databases, then run it again."
        )
