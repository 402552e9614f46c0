"""The step that writes what people work with while the application is gone: lists as CSV, and the notice to customers."""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from psycopg import sql

from continuity.adapters.postgres import connect, translated
from continuity.domain.application import FallbackList
from continuity.domain.fallback import WRITE_FALLBACK
from continuity.domain.plan import Facts
from continuity.errors import ConfigurationRefused
from continuity.settings import Environment
from continuity.steps.operation import PATIENT
from continuity.steps.shadow import read_planned
from continuity.steps.step import Step, World

LIMIT = "60s"


def _write(world: World, facts: Facts) -> Facts:
    """Write every file anew: a second attempt replaces what the first has left."""
    manifest = read_planned(world, facts)
    folder = output_of(world.environment, world.run)
    fallback, written = world.application.fallback, []
    for each in fallback.lists:
        path = folder / f"{each.name}.csv"
        with _private(path) as file:
            rows = _export(world.environment, world.application.database.name, each, file)
        written.append({"file": str(path), "rows": rows})
    if fallback.notice:
        path = folder / "notice.txt"
        taken, hours = manifest.snapshot.taken, world.application.objectives.recovery_time.total_seconds() / 3600
        with _private(path) as file:
            file.write(
                fallback.notice.replace("{application}", world.application.name)
                .replace("{point_taken}", f"{taken:%Y-%m-%d %H:%M} UTC")
                .replace("{expected}", f"{hours:g} h")
                + "\n"
            )
        written.append({"file": str(path)})
    return {"written": written}


def output_of(environment: Environment, run: str) -> Path:
    """Return the folder of a run's files, made for the person who runs it alone: rows of customers are in them."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    folder = (environment.recovery.output or Path(state) / "continuity/recovery") / run
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationRefused(
            f"{folder} cannot be made: {error.strerror}", hint="Name another folder in `[recovery] output`."
        ) from error
    return folder


@contextmanager
def _private(path: Path) -> Iterator[TextIO]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="") as file:
        yield file


def _export(environment: Environment, database: str, wanted: FallbackList, file: TextIO) -> int:
    query = sql.SQL(wanted.sql.replace("{", "{{").replace("}", "}}")).format()
    with (
        connect(environment.rollback_dsn, database) as connection,
        translated(f"the list {wanted.name!r}", quotes_rows=True),
        connection.transaction(),
    ):
        connection.execute("set transaction read only")
        connection.execute(sql.SQL("set local statement_timeout = {}").format(LIMIT))
        cursor = connection.execute(query)
        writer = csv.writer(file)
        writer.writerow(column.name for column in cursor.description or ())
        writer.writerows(row.values() for row in cursor)
        return cursor.rowcount


WRITE_THE_FALLBACK = Step(kind=WRITE_FALLBACK, do=_write, observes=True, retry=PATIENT)
