"""Carry out approved plans, go on with runs that were killed, take them back; one run an application at a time."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from continuity.adapters.approvals import WaitingPlan, read_approvals
from continuity.adapters.confirmations import find_confirmation
from continuity.adapters.leases import HeldLease, holding, last_lease
from continuity.adapters.vault import Vault
from continuity.domain.activity import Discards
from continuity.domain.application import Application, ApplicationName
from continuity.domain.approval import Approval, check_approvals
from continuity.domain.confirmation import Confirmation
from continuity.domain.ending import losses
from continuity.domain.holds import hold_after
from continuity.domain.incident import IncidentId
from continuity.domain.lease import Purpose
from continuity.domain.plan import Facts, Plan, PlannedStep, Verb, what_changed
from continuity.domain.run import EntryKind, History, RunId, run_id, verb_of_run
from continuity.engine import Ended, Engine, Observer, Phase, unobserved
from continuity.errors import ConfigurationRefused, UnsafeOperation, VaultError
from continuity.journal import Journal, plan_facts, plan_of, read_history
from continuity.procedures.aftermath import alarming, settle
from continuity.procedures.stopwatch import OverBudget, Stopwatch, noting, tell_nobody
from continuity.settings import Environment
from continuity.steps.kinds import kinds_of_steps
from continuity.steps.live import JudgeLive
from continuity.steps.operation import Perform
from continuity.steps.places import journals_of, spool_of
from continuity.steps.progress import Report, silent
from continuity.steps.rehearsal import rehearsing
from continuity.steps.shadow import Judge
from continuity.steps.step import World

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Hands:
    """What a caller hands in: how steps are performed, who judges a restore, and who is told."""

    perform: Perform
    judge: Judge
    judge_live: JudgeLive
    observe: Observer = unobserved
    report: Report = silent
    begun: Callable[[RunId, Plan], None] = lambda _run, _plan: None
    """Called once the run holds the application, before its first step: what takes seconds to load is begun here."""
    over_budget: OverBudget = tell_nobody
    """Told of a stage that has passed its budget, while it still runs."""


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """What a run came to, with everything that its journal says."""

    run: RunId
    ended: Ended
    history: History
    confirmation: Confirmation | None = None
    """A person's word that the application works, where it has been given."""
    incident: IncidentId | None = None
    """The incident that it has opened or belongs to."""
    remarks: tuple[str, ...] = ()
    """What could not be recorded of it beside its journal."""


def carry_out(
    application: Application,
    environment: Environment,
    waiting: WaitingPlan,
    *,
    replan: Callable[[], Plan],
    approvals: Sequence[Approval],
    hands: Hands,
) -> RunReport:
    """Carry out an approved plan under the application's lease; an open run of the same plan is resumed instead.

    `replan` observes the world once more, under the lease: a plan that comes out otherwise is refused.

    Raises:
        Busy: another run holds the application.
        UnsafeOperation: the world has changed, the approval does not suffice, or another run is open; nothing was changed.
        Overtaken: another process has taken the run over.

    """
    plan, journals = waiting.plan, journals_of(environment)
    open_one = open_run(journals, application.name, _purpose(plan.verb))
    if open_one is not None and plan_of(read_history(journals, open_one)).hash == plan.hash:
        return resume(application, environment, open_one, hands=hands)
    run = run_id(application.name, plan.verb, datetime.now(UTC), nonce=uuid4().hex)
    with _held(environment, application, run) as lease:
        _refuse_beside_open_run(journals, lease)
        now = replan()
        if changes := what_changed(plan, now):
            raise UnsafeOperation(
                f"the world has changed since plan {plan.hash} was made: {changes[0]}",
                detail="\n".join([*changes, "Nothing was changed."]),
                hint=f"Look at the new plan {now.hash}, and approve that one.",
            )
        section = environment.rollback
        signed = read_approvals(journals, application.name, plan.hash, approvers=section.approvers)
        names = check_approvals(
            plan,
            [*approvals, *signed],
            needed=section.approvals,
            valid=timedelta(minutes=section.approval_minutes),
            now=datetime.now(UTC),
        )
        told = {"approved by": list(names), **losses(waiting.estimates.discards)}
        return _begin(application, environment, run, plan, lease, hands, told)


def carry_out_at_once(
    application: Application, environment: Environment, verb: Verb, *, make: Callable[[], Plan], hands: Hands
) -> RunReport:
    """Carry out a plan that needs no approval, since it is exactly reversible: a hold, and its release.

    Raises:
        Busy: another run holds the application.
        UnsafeOperation: another run is open, or `make` refuses; nothing was changed.

    """
    run = run_id(application.name, verb, datetime.now(UTC), nonce=uuid4().hex)
    with _held(environment, application, run) as lease:
        _refuse_beside_open_run(journals_of(environment), lease)
        told = {"approved by": [lease.lease.holder.actor], **losses(Discards(kept=True))}
        return _begin(application, environment, run, make(), lease, hands, told)


def _begin(
    application: Application,
    environment: Environment,
    run: RunId,
    plan: Plan,
    lease: HeldLease,
    hands: Hands,
    told: Facts,
) -> RunReport:
    # Announced first: a run that is killed between the two has written nothing, and one that is not is found.
    lease.announce(journal=run, hold=_hold_in_force(journals_of(environment), lease))
    engine = _engine(application, environment, run, lease, hands)
    engine.journal.append(EntryKind.PLAN, facts={**plan_facts(plan), **told})
    hands.begun(run, plan)
    return _carry_out(run, engine, hands)


def resume(application: Application, environment: Environment, run: RunId, *, hands: Hands) -> RunReport:
    """Go on with an open run from where its journal ends; one that has ended is reported as it ended.

    Raises:
        Busy: a living process holds it.
        ConfigurationRefused: there is no such run.

    """
    with _held(environment, application, run) as lease:
        engine = _engine(application, environment, run, lease, hands)
        _refuse_unknown(engine.journal.history, run)
        hands.begun(run, engine.journal.plan)
        return _carry_out(run, engine, hands)


def take_back(application: Application, environment: Environment, run: RunId, *, hands: Hands) -> RunReport:
    """Take back an open run that has not passed its pivot.

    Raises:
        Busy: a living process holds it.
        UnsafeOperation: its pivot is passed: swapping back is a run of its own.

    """
    with _held(environment, application, run) as lease:
        engine = _engine(application, environment, run, lease, hands)
        _refuse_unknown(engine.journal.history, run)
        return _report(run, engine, engine.take_back())


def open_run(journals: Vault, application: ApplicationName, purpose: Purpose = Purpose.CHANGE) -> RunId | None:
    """Return the run that was begun and has not ended. Runs of a purpose exclude each other, so there is one at the most."""
    lease = last_lease(journals, application, purpose)
    return _open(journals, lease.journal) if lease else None


def active_hold(journals: Vault, application: ApplicationName) -> RunId | None:
    """Return the hold that is in force, or None."""
    lease = last_lease(journals, application, Purpose.CHANGE)
    hold = _hold_of(journals, lease.journal, lease.hold) if lease else ""
    return RunId(hold) if hold else None


@contextmanager
def _held(environment: Environment, application: Application, run: RunId) -> Iterator[HeldLease]:
    with holding(journals_of(environment), application.name, _purpose(verb_of_run(run)), run=run) as lease:
        yield lease


def _purpose(verb: Verb) -> Purpose:
    # A rehearsal takes hours and changes nothing of the application: an emergency must not wait for it.
    return Purpose.REHEARSAL if verb is Verb.REHEARSAL else Purpose.CHANGE


def _engine(application: Application, environment: Environment, run: RunId, lease: HeldLease, hands: Hands) -> Engine:
    journal = Journal(journals_of(environment), run, epoch=lease.lease.epoch, spool=spool_of(environment, run))
    journal.load()
    match verb_of_run(run):
        case Verb.REHEARSAL:
            application, environment = rehearsing(application, environment)
        case Verb.RECOVERY:
            environment = environment.recovering
    return Engine(
        journal=journal,
        lease=lease,
        world=World(application=application, environment=environment, run=run, report=hands.report),
        kinds=kinds_of_steps(hands.judge, hands.judge_live),
        perform=hands.perform,
        observe=hands.observe,
    )


def _carry_out(run: RunId, engine: Engine, hands: Hands) -> RunReport:
    """Carry the plan out with each stage held against its budget."""
    journal = engine.journal
    alarm = alarming(engine.world.environment, run, journal.plan, journal.history.started, hands.over_budget)
    over = noting(journal, alarm)
    with Stopwatch(journal.plan, journal.history, over, now=lambda: datetime.now(UTC)) as stopwatch:

        def observe(step: PlannedStep, phase: Phase) -> None:
            # The clock before the people: what they hand in may take its time, or kill the process.
            stopwatch(step, phase)
            hands.observe(step, phase)

        return _report(run, engine, replace(engine, observe=observe).carry_out())


def _report(run: RunId, engine: Engine, ended: Ended) -> RunReport:
    try:
        confirmation = find_confirmation(journals_of(engine.world.environment), run)
    except VaultError as error:
        # The run is over, and its report must not fail on this: it says that nobody has confirmed.
        logger.warning("confirmation unknown run=%s because=%s", run, error.message)
        confirmation = None
    history = engine.journal.history
    after = settle(engine.world.environment, run, history)
    return RunReport(
        run=run, ended=ended, history=history, confirmation=confirmation, incident=after.incident, remarks=after.remarks
    )


def _refuse_beside_open_run(journals: Vault, lease: HeldLease) -> None:
    if (other := _open(journals, lease.lease.journal)) is not None:
        raise UnsafeOperation(
            f"{other} was begun and has not ended",
            detail="Nothing was changed.",
            hint=f"Finish it with `continuity resume {other}`, or take it back with `continuity undo {other}`.",
        )


def _refuse_unknown(history: History, run: RunId) -> None:
    if not history.entries:
        raise ConfigurationRefused(f"no run {run!r}", hint="See `continuity status` for the runs there are.")


def _open(journals: Vault, run: str) -> RunId | None:
    if not run:
        return None
    try:
        history = read_history(journals, RunId(run))
    except ConfigurationRefused:
        # Announced and killed before its first entry: it has done nothing.
        return None
    return RunId(run) if history.end is None else None


def _hold_in_force(journals: Vault, lease: HeldLease) -> str:
    return _hold_of(journals, lease.lease.journal, lease.lease.hold)


def _hold_of(journals: Vault, last: str, hold: str) -> str:
    if not last:
        return hold
    try:
        history = read_history(journals, RunId(last))
    except ConfigurationRefused:
        return hold
    return hold_after(history, plan_of(history), hold)
