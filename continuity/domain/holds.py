"""A hold: an application stopped on a person's word, at once, until it is released or a rollback takes it over. Pure."""

from datetime import datetime

from continuity.domain.application import Application
from continuity.domain.live import CLOSE_NAME, LiveState
from continuity.domain.plan import TAKES_OVER, Plan, PlannedStep, Verb
from continuity.domain.run import History, Outcome
from continuity.domain.traffic import start_steps, stop_steps
from continuity.errors import UnsafeOperation


def hold_after(history: History, plan: Plan, hold: str) -> str:
    """Return the hold that is in force after a run, given the one before it; "" is none."""
    if plan.verb is Verb.HOLD:
        return history.entries[0].run if history.outcome is Outcome.DONE else hold
    ended = history.outcome in {Outcome.DONE, Outcome.INCOMPLETE}
    return "" if ended and hold and plan.options.get(TAKES_OVER) == hold else hold


def plan_hold(application: Application, live: LiveState, *, now: datetime) -> Plan:
    """Plan to stop traffic and writes: every workload, or where none is known the database itself.

    Raises:
        UnsafeOperation: a hold is in force.

    """
    if live.held:
        raise UnsafeOperation(
            f"{application.name} is held by {live.held.run}",
            detail="Nothing was changed.",
            hint=f"Put it back with `continuity release {application.name}`.",
        )
    stop = stop_steps(live.workloads, live.arguments, None)[:-1]
    target = live.in_words
    end = PlannedStep(name="end the sessions", kind="end sessions", target=target, arguments=live.arguments)
    close = PlannedStep(name=CLOSE_NAME, kind="close the database", target=target, arguments=live.arguments)
    return _plan(application, Verb.HOLD, live, (*stop, end) if stop else (close,), now)


def plan_release(application: Application, live: LiveState, *, now: datetime) -> Plan:
    """Plan to put back exactly what a hold has stopped.

    Raises:
        UnsafeOperation: no hold is in force.

    """
    held = live.held
    if held is None:
        raise UnsafeOperation(
            f"{application.name} is not held", detail="Nothing was changed.", hint="There is nothing to release."
        )
    opened = PlannedStep(name="open the database", kind="open the database", target=live.in_words, arguments=live.arguments)
    steps = (*((opened,) if held.closed else ()), *start_steps(live.workloads, held))
    return _plan(application, Verb.RELEASE, live, steps, now)


def _plan(application: Application, verb: Verb, live: LiveState, steps: tuple[PlannedStep, ...], now: datetime) -> Plan:
    options = {TAKES_OVER: str(live.held.run)} if live.held else {}
    return Plan(
        application=application.name, verb=verb, created=now, targets=live.targets_taken_over, steps=steps, options=options
    )
