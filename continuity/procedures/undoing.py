"""Plan how a finished run is taken back, and what that costs."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from continuity.adapters.approvals import WaitingPlan
from continuity.adapters.leases import last_lease
from continuity.domain.activity import Discards, TableActivity, written_since
from continuity.domain.application import Application
from continuity.domain.constraints import TAKE_OUT
from continuity.domain.estimates import predict
from continuity.domain.feature import switches_only
from continuity.domain.lease import Purpose
from continuity.domain.media_plan import changes_media_only
from continuity.domain.plan import Facts
from continuity.domain.quarantine import SET_ASIDE
from continuity.domain.run import EntryKind, History, RunId, application_of_run
from continuity.domain.undoing import plan_undo, plan_undo_of_flags, plan_undo_of_media
from continuity.errors import ConfigurationRefused, UnsafeOperation
from continuity.journal import plan_of, read_history
from continuity.procedures.feature import OBSERVE_FLAGS
from continuity.procedures.live import OBSERVE
from continuity.procedures.media import LOOK, estimate_media
from continuity.procedures.rollback import READ_MEASURED, refuse_unready
from continuity.procedures.runs import open_run
from continuity.settings import Environment
from continuity.steps.constraints import CHECK_PUT_IN
from continuity.steps.operation import PATIENT, Operation, Perform
from continuity.steps.places import journals_of
from continuity.steps.quarantine import CHECK_PUT_BACK


def make_undo_plan(
    application: Application, environment: Environment, run: RunId, *, perform: Perform, now: datetime
) -> WaitingPlan:
    """Make the plan that takes a run back, with what was written since where that is lost. Changes nothing.

    Raises:
        ConfigurationRefused: there is no such run.
        UnsafeOperation: the run has changed nothing, or another has changed the same since.

    """
    history = perform(READ_RUN, environment, run)
    former = plan_of(history)
    if switches_only(former):
        seen = perform(OBSERVE_FLAGS, application, environment)
        plan = plan_undo_of_flags(application, seen, history, former, options={"run": run}, now=now)
        measured = perform(READ_MEASURED, environment, application.name)
        estimates = predict(plan, point=None, measured=measured, discards=Discards(kept=True), live_bytes=0)
        return WaitingPlan(plan=plan, estimates=replace(estimates, notes=seen.notes + estimates.notes))
    if changes_media_only(former):
        _, bucket = perform(LOOK, application, environment, former.steps[0].arguments["prefix"])
        plan = plan_undo_of_media(application, history, former, bucket=bucket, options={"run": run}, now=now)
        return WaitingPlan(plan=plan, estimates=estimate_media(environment, plan, perform=perform))
    swapped = any("replaced" in entry.facts for entry in history.entries)
    notes = refuse_unready(application, environment, perform, None) if swapped else ()
    live = perform(OBSERVE, application, environment)
    _refuse_lost(environment, history, perform)
    plan = plan_undo(
        application,
        live,
        history,
        former,
        options={"run": run},
        now=now,
        pooled=bool(environment.pooler_dsn),
        url=environment.url,
    )
    then = next((entry.facts["activity"] for entry in history.entries if "activity" in entry.facts), ())
    counted = [TableActivity(**each) for each in then]
    discards = written_since(counted, live.activity, rows={}, same_database=True) if swapped else Discards(kept=True)
    measured = perform(READ_MEASURED, environment, application.name)
    estimates = predict(plan, point=None, measured=measured, discards=discards, live_bytes=live.size_bytes if swapped else 0)
    return WaitingPlan(plan=plan, estimates=replace(estimates, notes=notes + estimates.notes))


def _refuse_lost(environment: Environment, history: History, perform: Perform) -> None:
    """Refuse at once where what a run has set aside is not there any more, or would not fit where it was."""
    kinds = {step.name: step.kind for step in plan_of(history).steps}
    for entry in history.entries:
        if entry.kind is EntryKind.DONE and kinds.get(entry.step) in _CHECKED:
            perform(_CHECKED[kinds[entry.step]], environment, entry.facts)


def choose_run(application: Application, environment: Environment, wanted: str) -> RunId:
    """Return the finished run that is wanted, "" being the application's last one. Changes nothing.

    Raises:
        ConfigurationRefused: it is another application's, or there was none.
        UnsafeOperation: it has not ended.

    """
    journals = journals_of(environment)
    lease = last_lease(journals, application.name, Purpose.CHANGE)
    run = wanted or (lease.journal if lease else "")
    if not run or application_of_run(run) != application.name:
        raise ConfigurationRefused(f"no run {run!r} of {application.name}", hint="See `continuity status` for those there are.")
    if run == open_run(journals, application.name):
        raise UnsafeOperation(
            f"{run} was begun and has not ended",
            detail="Nothing was changed.",
            hint=f"Finish it with `continuity resume {run}`, or take it back with `continuity undo {run}`.",
        )
    return RunId(run)


def read_run(environment: Environment, run: RunId) -> History:
    """Read a run's journal. Changes nothing."""
    return read_history(journals_of(environment), run)


_CHECKED: Mapping[str, Operation[[Environment, Facts], None]] = {SET_ASIDE: CHECK_PUT_BACK, TAKE_OUT: CHECK_PUT_IN}
CHOOSE_RUN = Operation(name="choose the run to take back", run=choose_run, retry=PATIENT)
READ_RUN = Operation(name="read the run's journal", run=read_run, retry=PATIENT)
