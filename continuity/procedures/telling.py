"""What a run came to in words, the same in the terminal, in the UI and in the report."""

from contextlib import suppress

from continuity.domain.plan import Verb
from continuity.domain.run import Outcome, application_of_run
from continuity.domain.run_markdown import lost_of, run_markdown
from continuity.domain.run_report import Summary, summarize
from continuity.errors import AlreadyStored
from continuity.journal import plan_of
from continuity.procedures.runs import RunReport
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Operation
from continuity.steps.places import journals_of


def summary_of(report: RunReport) -> Summary:
    """Return the figures of a run."""
    return summarize(report.history, plan_of(report.history))


def headline(report: RunReport) -> str:
    """Say in one line what a run came to."""
    ended, summary = report.ended, summary_of(report)
    if ended.outcome is Outcome.DONE:
        cut = f", clients were cut off for {summary.downtime_seconds} s" if summary.downtime_seconds is not None else ""
        return f"{ended.outcome.value}: {report.run} in {summary.seconds} s{cut}"
    where = f" at {ended.failed!r}" if ended.failed else ""
    return f"{ended.outcome.value}: {report.run} stopped{where}: {ended.because}"


def next_step(report: RunReport) -> str:
    """Say what a person does next."""
    match report.ended.outcome:
        case Outcome.DONE:
            otherwise = f"look at the application. To go back on this: `continuity undo {report.run}`."
            return _AFTER.get(plan_of(report.history).verb, otherwise)
        case Outcome.UNDONE:
            return f"{report.ended.hint or 'Mend what is named above.'} The application is as it was before."
        case Outcome.UNDO_INCOMPLETE:
            return f"mend what is named above, then `continuity undo {report.run}` takes back the rest."
        case Outcome.INCOMPLETE:
            return f"the data is the proven one; mend what is named above, then `continuity resume {report.run}` goes on."


_AFTER = {
    Verb.DISCARD: "nothing: what was kept is gone, and its room is free.",
    Verb.REHEARSAL: "nothing: all of it was cleared away. Its times count for the prediction in `continuity status`.",
    Verb.RECOVERY: "look at the application. The old primary stays closed; next is a backup of the new one.",
}


def confirmed(report: RunReport) -> str:
    """Say who has confirmed that the application works, or that it is outstanding; "" where nothing is to be confirmed."""
    if report.confirmation:
        return f"confirmed by {report.confirmation}"
    if report.ended.outcome is not Outcome.DONE or plan_of(report.history).verb not in {Verb.ROLLBACK, Verb.RECOVERY}:
        return ""
    return f"a person's confirmation is outstanding: `continuity confirm {report.run} --as NAME`"


def keep_report(environment: Environment, report: RunReport) -> str:
    """Keep the report in the journals' vault, and return its key; each time that a run is gone on with makes one more."""
    entries = len(report.history.entries)
    key = f"{application_of_run(report.run)}/reports/{report.run}/{entries:06}.md"
    with suppress(AlreadyStored):
        journals_of(environment).create(key, report_markdown(report).encode())
    return key


def report_markdown(report: RunReport) -> str:
    """Write the report of a run."""
    entries = report.history.entries
    markdown = run_markdown(
        plan_of(report.history),
        summary_of(report),
        entries,
        outcome=report.ended.outcome,
        because=report.ended.because,
        next_step=next_step(report),
        lost=lost_of(entries),
        confirmed=confirmed(report),
    )
    beside = [f"**Incident:** {report.incident}"] if report.incident else []
    beside += [f"**Look at:** {remark}" for remark in report.remarks]
    return "\n\n".join([markdown, *beside])


KEEP_REPORT = Operation(name="keep the report", run=keep_report, retry=PATIENT)
