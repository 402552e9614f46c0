"""A random walk over a real PostgreSQL and the stand-in cluster: what people, processes and the application may do, in any order.

    make kill-campaign [COUNT=200] [SEED=N]

After each action: the application's name is carried by a database that a run of its journals has proven or found, one run is
open at the most, every journal's chain is sound, and no database is left that no run explains.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

import psycopg
import pytest

from continuity.domain.plan import Verb
from continuity.domain.rollback import Order
from continuity.domain.run import EntryKind, History, Outcome
from continuity.errors import ContinuityError
from continuity.journal import plan_of, read_history
from continuity.procedures.expiry import expire
from continuity.procedures.runs import active_hold, open_run
from continuity.steps.operation import perform_plainly
from continuity.steps.places import journals_of
from tests.fixtures.campaigns import Campaign
from tests.fixtures.cluster import eventually
from tests.fixtures.killing import Kill, hold_or_release, resume_run, start_run, undo_run
from tests.rollback.conftest import REPLICAS, Stage
from tests.rollback.test_killed_anywhere import KILLED, kills

JUDGED = "judge the restore"


@dataclass(kw_only=True)
class Walk:
    """People, processes and an application, each of whom does what it likes."""

    stage: Stage
    random: Random
    steps: list[str]
    first_oid: int
    told: Counter[str] = field(default_factory=Counter)

    def act(self) -> str:
        """Do one thing drawn at random, and say what."""
        going_on = 4 if self.open else 1
        actions = {
            self.start: 6,
            self.resume: going_on,
            self.undo: going_on,
            self.write: 2,
            self.swap_back: 3,
            self.hold: 2,
            self.release: 2,
            self.prove: 1,
            self.let_expire: 1,
            self.two_operators: 1,
        }
        [action] = self.random.choices(list(actions), weights=list(actions.values()))
        try:
            said = action()
        except (ContinuityError, psycopg.OperationalError) as refused:
            said = f"refused: {str(refused).splitlines()[0]}"
        self.told[f"{action.__name__}: {said.split(':')[0].split(',')[0]}"] += 1
        return f"{action.__name__}: {said}"

    def kill(self) -> Kill | None:
        return self.random.choice(kills(self.steps)) if self.random.random() < 0.8 else None

    def start(self) -> str:
        plan, _ = self.stage.plan(order=self.random.choice(list(Order)))
        return self._in_process(start_run, plan)

    def swap_back(self) -> str:
        if not self.stage.runs():
            return "nothing was done"
        plan, _ = self.stage.plan_undo()
        return self._in_process(start_run, plan)

    def resume(self) -> str:
        return self._in_process(resume_run, self.open) if self.open else "nothing is open"

    def undo(self) -> str:
        return self._in_process(undo_run, self.open) if self.open else "nothing is open"

    def hold(self) -> str:
        return self._in_process(hold_or_release, Verb.HOLD)

    def release(self) -> str:
        return self._in_process(hold_or_release, Verb.RELEASE)

    def write(self) -> str:
        self.stage.sql("update entries set words = 'spoilt' where random() < 0.2")
        return "done"

    def prove(self) -> str:
        self.stage.prove()
        return "done"

    def let_expire(self) -> str:
        application, environment = self.stage.load()
        report = expire(application, environment, carry_out=True, allow_many=True, by="walk", perform=perform_plainly)
        return f"done, {len(report.removed)} points"

    def two_operators(self) -> str:
        plan, _ = self.stage.plan()
        before = set(self.stage.runs())
        with ThreadPoolExecutor(2) as operators:
            both = [operators.submit(start_run, self.stage.seat.environment, "guestbook", plan, self.kill()) for _ in range(2)]
            codes = sorted(each.result() for each in both)
        begun = set(self.stage.runs()) - before
        assert len(begun) <= 1, f"two operators began {begun}, and ended with {codes}"
        return f"{len(begun)} began"

    @property
    def open(self) -> str | None:
        application, environment = self.stage.load()
        return open_run(journals_of(environment), application.name)

    def _in_process(self, begin, what) -> str:
        kill = self.kill()
        code = begin(self.stage.seat.environment, "guestbook", what, kill)
        return f"killed, at {kill}" if code == KILLED else "done" if code == 0 else "refused, by its process"

    def wrong(self) -> Iterator[str]:
        """Name what must never be."""
        application, environment = self.stage.load()
        histories = [read_history(journals_of(environment), run) for run in self.stage.runs()]
        still = [history for history in histories if history.end is None]
        if len(still) > 1:
            yield f"{len(still)} runs are open"
        name = application.database.name
        with psycopg.connect(self.stage.dsn, dbname="postgres") as session:
            query = "select datname, oid from pg_database where datname = %s or starts_with(datname, %s || '_')"
            found = dict(session.execute(query, (name, name)).fetchall())
        live = found.pop(name, None)
        if live not in {self.first_oid, *proven(histories)}:
            yield f"{name} is carried by {live}, which no run has proven"
        yield from (f"no run explains {each}" for each in found.keys() - explained(histories))

    def settle(self) -> None:
        """End what is open and release what is held, as a person would in the end."""
        while run := self.open:
            assert resume_run(self.stage.seat.environment, "guestbook", run, None) == 0
        application, environment = self.stage.load()
        if active_hold(journals_of(environment), application.name):
            assert hold_or_release(self.stage.seat.environment, "guestbook", Verb.RELEASE, None) == 0


def proven(histories: list[History]) -> set[int]:
    """Return the OIDs that runs were allowed to give the name to: judged by them, or swapped back to."""
    oids = set()
    for history in histories:
        trusted = history.done(JUDGED) is not None or plan_of(history).verb is Verb.UNDO
        swaps = [entry.facts for entry in history.entries if entry.kind is EntryKind.INTENT and "shadow_oid" in entry.facts]
        oids |= {facts["shadow_oid"] for facts in swaps if trusted}
    return oids


def explained(histories: list[History]) -> set[str]:
    """Return the names of databases that may be there: kept by finished runs, and in work by an open one."""
    names = set()
    for history in histories:
        facts = [step.arguments for step in plan_of(history).steps]
        kept = {"replaced"} if history.outcome is Outcome.DONE else set() if history.end else {"replaced", "shadow", "restoring"}
        names |= {each[key] for each in facts for key in kept & each.keys()}
    return names


@pytest.mark.campaign
def test_walk_campaign(stage: Stage, campaign: Campaign):
    stage.prove()
    stage.spoil()
    oid = stage.sql("select oid from pg_database where datname = current_database()")
    walk = Walk(stage=stage, random=campaign.random, steps=stage.plan()[1], first_oid=oid)
    length = campaign.count or 1000
    campaign.say(f"# Walk: {length} actions, seed {campaign.seed}\n")
    violations: list[str] = []
    for number in range(1, length + 1):
        done = walk.act()
        violations = [f"after action {number}, {done}: {each}" for each in walk.wrong()]
        campaign.say(f"{number}. {done}")
        if violations:
            break
    if not violations:
        walk.settle()
        violations = list(walk.wrong())
    campaign.say(f"\n{number} actions, {len(violations)} violations")
    campaign.say("\n".join([f"- {what}: {times}" for what, times in sorted(walk.told.items())] + violations))
    assert violations == [], stage.story()
    eventually(lambda: stage.deployment().status.ready_replicas == stage.replicas() == REPLICAS)
