"""Whether an application is held: stopped on a person's word, until it is released or a rollback takes it over."""

from continuity.domain.plan import Plan, Verb
from continuity.domain.run import History, Outcome

TAKES_OVER = "hold"
"""The option by which a plan says which hold it ends."""


def hold_after(history: History, plan: Plan, hold: str) -> str:
    """Return the hold that is in force after a run, given the one before it; "" is none."""
    if plan.verb is Verb.HOLD:
        return history.entries[0].run if history.outcome is Outcome.DONE else hold
    ended = history.outcome in {Outcome.DONE, Outcome.INCOMPLETE}
    return "" if ended and hold and plan.options.get(TAKES_OVER) == hold else hold
