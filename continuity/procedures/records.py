"""Keep what a drill and a run have come to for good, and read it back with what a killed process could not keep any more."""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from datetime import datetime, timedelta
from threading import Thread
from typing import TypeVar

from continuity.adapters.points import PointStore
from continuity.adapters.records import History, Records
from continuity.adapters.vault import Vault
from continuity.domain.application import ApplicationName
from continuity.domain.ending import came_to, drill_done, run_ended
from continuity.domain.records import DrillDone, RunEnded, Unreadable
from continuity.domain.recovery_point import DrillRecord, Manifest
from continuity.domain.run import RunId, moment_of_run
from continuity.errors import ConfigurationRefused, ContinuityError, DamagedObject
from continuity.journal import list_runs, plan_of
from continuity.journal import read_history as read_journal
from continuity.settings import Environment
from continuity.steps.places import journals_of, vault_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_SECONDS = 2.0
"""How long a run or a drill waits for its record: what is not written by then, the next reader finds in the journal."""
LONGEST_RUN = timedelta(days=2)
"""A run that has ended within a period began no longer before it."""


def keep_drill(environment: Environment, manifest: Manifest, record: DrillRecord) -> str:
    """Keep a drill's record; return "", or why it could not be kept. The verdict beside the manifest says the same."""

    def keep() -> str:
        Records(journals_of(environment)).keep(drill_done(manifest, record))
        return ""

    return in_time("the record of the drill is not kept", keep, otherwise=str)


def in_time(what: str, call: Callable[[], T], *, otherwise: Callable[[str], T], patience_seconds: float = PATIENCE_SECONDS) -> T:
    """Return what a call returns; where it fails, or takes longer than that, what `otherwise` makes of the reason.

    A call that is given up may still go through: what it writes must be true whenever it is written.
    """
    answer: Future[T] = Future()

    def attempt() -> None:
        try:
            answer.set_result(call())
        except Exception as error:  # noqa: BLE001 -- told below, and what has called goes on
            answer.set_exception(error)

    Thread(target=attempt, name=what, daemon=True).start()
    try:
        return answer.result(patience_seconds)
    except TimeoutError:
        because = f"{what}: it takes longer than {patience_seconds:g} s"
    except ContinuityError as error:
        because = f"{what}: {error.message}"
    except Exception as error:
        logger.exception("%s", what)
        because = f"{what}: {type(error).__name__} in this program"
    logger.warning("%s", because)
    return otherwise(because)


def read_history(environment: Environment, application: ApplicationName, *, since: datetime, until: datetime) -> History:
    """Read the drills, runs and reviews that ended from `since` on and before `until`, each once. Changes nothing.

    A process that is killed between the end of its work and the record of it leaves none: then the journal speaks, or the
    verdict beside the manifest. Of several records of one run, which was gone on with, the newest counts.
    """
    journals = journals_of(environment)
    kept = Records(journals).history(application, since=since, until=until)
    runs = {each.run: each for each in sorted(kept.runs, key=lambda each: each.ended)}
    found, unreadable = _unrecorded_runs(journals, application, runs, since=since, until=until)
    runs |= {each.run: each for each in found}
    drills = {(each.point, each.finished): each for each in kept.drills}
    drills |= {(each.point, each.finished): each for each in _drills(environment, application) if since <= each.finished < until}
    return History(
        drills=tuple(sorted(drills.values(), key=lambda each: each.finished)),
        runs=tuple(sorted(runs.values(), key=lambda each: each.ended)),
        reviews=kept.reviews,
        unreadable=(*kept.unreadable, *unreadable),
    )


def _unrecorded_runs(
    journals: Vault, application: ApplicationName, recorded: Iterable[str], *, since: datetime, until: datetime
) -> tuple[list[RunEnded], list[Unreadable]]:
    known = frozenset(recorded)
    found: list[RunEnded] = []
    unreadable: list[Unreadable] = []
    for run in list_runs(journals, application):
        if run in known or not since - LONGEST_RUN <= moment_of_run(run) < until:
            continue
        try:
            ended = _ended(journals, run)
        except (DamagedObject, ConfigurationRefused) as error:
            unreadable.append(Unreadable(key=run, because=error.message))
            continue
        if ended and since <= ended.ended < until:
            found.append(ended)
    return found, unreadable


def _ended(journals: Vault, run: RunId) -> RunEnded | None:
    history = read_journal(journals, run)
    outcome = came_to(history)
    return run_ended(history, plan_of(history), outcome, exercise=False, incident=None) if outcome else None


def _drills(environment: Environment, application: ApplicationName) -> Iterator[DrillDone]:
    for point in PointStore(vault_of(environment), application).listing(catalogs=False).points:
        yield from (drill_done(point.manifest, each) for each in point.drills)
