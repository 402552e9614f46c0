"""What is recorded for good of a run that has come to something, from its journal alone."""

import re
from datetime import UTC, datetime

from continuity.domain.activity import Discards
from continuity.domain.incident import IncidentId
from continuity.domain.plan import Facts, Plan, Verb
from continuity.domain.records import DrillDone, RunEnded
from continuity.domain.recovery_point import DrillRecord, Manifest
from continuity.domain.run import EntryKind, History, Outcome, application_of_run
from continuity.domain.run_report import summarize

ROWS_DISCARDED = "rows discarded"
"""The fact of a journal's first entry that says how many rows the plan was expected to lose."""
ASKED_TO_TAKE_BACK = "asked to take it back"

_MOMENT = re.compile(r"\d{8}T\d{6}Z$")


def losses(discards: Discards) -> Facts:
    """Return what a run is expected to lose, as its journal's first entry says it."""
    rows = 0 if discards.kept else None if discards.unknown else discards.rows
    return {"discards": str(discards), ROWS_DISCARDED: rows}


def came_to(history: History) -> Outcome | None:
    """Say what a run has come to so far: it has ended, or something in it has failed and left it open; else None."""
    if history.outcome is not None:
        return history.outcome
    failed = [entry for entry in history.entries if entry.kind is EntryKind.FAILED]
    if any(entry.facts.get("undo") and not history.undone(entry.step) for entry in failed):
        return Outcome.UNDO_INCOMPLETE
    stopped = not history.undoing and any(history.done(entry.step) is None for entry in failed)
    return Outcome.INCOMPLETE if stopped else None


def run_ended(history: History, plan: Plan, outcome: Outcome, *, exercise: bool, incident: IncidentId | None) -> RunEnded:
    """Return the record of a run. One that has put everything back has not succeeded, and has lost nothing."""
    summary, entries = summarize(history, plan), history.entries
    stopped = summary.stopped_seconds if summary.stopped_seconds is not None else summary.downtime_seconds
    return RunEnded(
        application=application_of_run(entries[0].run),
        run=entries[0].run,
        verb=plan.verb.value,
        outcome=outcome.value,
        succeeded=outcome is Outcome.DONE,
        began=history.started,
        ended=entries[-1].at,
        downtime_seconds=stopped,
        point=plan.point or "",
        point_created=_created(plan.point) if plan.point else None,
        rows_discarded=0 if outcome is Outcome.UNDONE else entries[0].facts.get(ROWS_DISCARDED),
        exercise=exercise or plan.verb is Verb.REHEARSAL,
        incident=incident,
    )


def drill_done(manifest: Manifest, record: DrillRecord) -> DrillDone:
    """Return the record of a drill, which stays when its point expires."""
    return DrillDone(
        application=manifest.application,
        point=manifest.id,
        point_created=manifest.created,
        finished=record.finished,
        seconds=record.seconds,
        stored_bytes=manifest.stored_bytes,
        verdict=record.judgement.value,
        proven=record.proven,
    )


def because_of(history: History) -> str:
    """Return why a run has come to what it has, "" where it is done."""
    reasons = [str(entry.facts["because"]) for entry in history.entries if entry.facts.get("because") and _tells(entry.kind)]
    return reasons[-1] if reasons and history.outcome is not Outcome.DONE else ""


def _tells(kind: EntryKind) -> bool:
    return kind in {EntryKind.FAILED, EntryKind.END}


def _created(point: str) -> datetime | None:
    match = _MOMENT.search(point)
    return datetime.strptime(match[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if match else None
