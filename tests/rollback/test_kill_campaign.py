"""The kill campaign: every point of every step of a whole rollback, in both orders, resumed and undone, with second kills.

    make kill-campaign [COUNT=200] [SEED=N]

Real PostgreSQL, the stand-in cluster, the real journal, real processes and SIGKILL.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from random import Random

import pytest

from continuity.domain.rollback import Order
from continuity.domain.run import EntryKind, Outcome
from continuity.engine import Phase
from continuity.journal import read_history
from continuity.procedures.runs import open_run
from continuity.steps.places import journals_of
from tests.fixtures.campaigns import Campaign
from tests.fixtures.killing import Kill, resume_run, start_run, undo_run
from tests.rollback.conftest import Stage
from tests.rollback.test_killed_anywhere import AFTER, BEFORE, KILLED, as_before, kills

RECOVER = {"resume": resume_run, "undo": undo_run}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way to be killed, and how a person goes on."""

    order: Order
    kill: Kill
    recovery: str
    second: Kill | None

    def __str__(self) -> str:
        again = f", killed again at {self.second}" if self.second else ""
        return f"{self.order.value}: killed at {self.kill}; {self.recovery}{again}"


def cases(steps: dict[Order, list[str]], random: Random) -> list[Case]:
    """Return the full product in random order; where the second kill falls is drawn."""
    every = [
        Case(order=order, kill=kill, recovery=recovery, second=second(steps[order], kill, recovery, random) if double else None)
        for order in Order
        for kill, recovery, double in product(kills(steps[order]), RECOVER, (False, True))
    ]
    random.shuffle(every)
    return every


def second(steps: list[str], first: Kill, recovery: str, random: Random) -> Kill:
    """Draw a point that the recovery comes by: onwards from where the first kill fell, or back from there."""
    fell = steps.index(first.step)
    if recovery == "undo":
        return Kill(step=random.choice(steps[: fell + 1]), phase=random.choice((Phase.BEFORE_UNDO, Phase.UNDONE)))
    return random.choice(kills(steps[fell:]))


def go_through(stage: Stage, case: Case, told: Counter[str]) -> Iterator[str]:
    """Live through a case on a spoilt stage, and leave it spoilt; yield what is not as it must be."""
    where = stage.seat.environment
    plan, _ = stage.plan(order=case.order)
    code = start_run(where, "guestbook", plan, case.kill)
    if code == KILLED:
        told["killed"] += 1
        run, happened = stage.runs()[0], stage.spoilt() == 0
        recover = RECOVER[case.recovery]
        if case.second and recover(where, "guestbook", run, case.second) == KILLED:
            told["killed again"] += 1
        code = recover(where, "guestbook", run, None)
        if case.recovery == "undo" and happened and stage.outcome() is None:
            told["undo refused past the pivot"] += 1
            if code == 0:
                yield f"undo past the pivot ended with {code}"
            code = resume_run(where, "guestbook", run, None)
        if code != 0:
            yield f"recovery ended with {code}"
        required = Outcome.UNDONE if case.recovery == "undo" and not happened else Outcome.DONE
    else:
        # It had nothing to do there, or was quicker than the kill.
        told["ended before the kill"] += 1
        required = Outcome.DONE
    yield from compare(stage, required)
    if stage.outcome() is Outcome.DONE:
        undo, _ = stage.plan_undo()
        if (code := start_run(where, "guestbook", undo, None)) != 0:
            yield f"swapping back ended with {code}"
        stage.drop_undone()
        yield from compare(stage, Outcome.DONE, BEFORE)


def compare(stage: Stage, required: Outcome, world: dict[str, object] | None = None) -> Iterator[str]:
    """Hold the world, the run's outcome and its journal against what they must be."""
    application, environment = stage.load()
    history = read_history(journals_of(environment), stage.runs()[0])  # raises where the chain is broken
    if history.outcome is not required:
        yield f"outcome {history.outcome}, required {required}"
    if (still := open_run(journals_of(environment), application.name)) is not None:
        yield f"{still} is open"
    world = world or (AFTER if required is Outcome.DONE else BEFORE)
    found = as_before(stage)
    yield from (f"{name} is {found[name]!r}, required {world[name]!r}" for name in world if found[name] != world[name])
    twice = [step for step, times in Counter(acted(history)).items() if times > 1]
    if twice:
        yield f"done twice in the journal: {twice}"


def acted(history) -> list[str]:
    return [entry.step for entry in history.entries if entry.kind is EntryKind.DONE]


@pytest.mark.campaign
def test_kill_campaign(stage: Stage, campaign: Campaign):
    stage.prove()
    stage.spoil()
    steps = {order: stage.plan(order=order)[1] for order in Order}
    every = cases(steps, campaign.random)
    chosen = every[: campaign.count or len(every)]
    told: Counter[str] = Counter()
    violations: list[str] = []

    campaign.say(f"# Kill campaign: {len(chosen)} of {len(every)} cases, seed {campaign.seed}\n")
    for number, case in enumerate(chosen, start=1):
        wrong = list(go_through(stage, case, told))
        for each in wrong:
            violations.append(f"{case}: {each}")
            campaign.say(f"- {violations[-1]}")
        if wrong:
            campaign.say("\n".join(f"    {line}" for line in stage.story()))
            break  # the stage is no longer what the next case begins with
        if number % 25 == 0:
            campaign.say(f"{number} of {len(chosen)} cases")
    campaign.say(f"\n{sum(told[each] for each in ('killed', 'ended before the kill'))} cases, {len(violations)} violations")
    campaign.say("\n".join(f"- {what}: {times}" for what, times in told.items()))
    assert violations == []
