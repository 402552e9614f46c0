"""How long steps take is told by the latest runs that had them, whatever came after, and by no more of them than is quick."""

from datetime import UTC, datetime, timedelta

from continuity.domain.plan import Plan, PlannedStep, Verb
from continuity.domain.run import EntryKind, run_id
from continuity.domain.stages import Stage
from continuity.journal import Journal, entry_key, plan_facts
from continuity.procedures.measured import RUNS_MEASURED, read_measured
from continuity.steps.places import journals_of

NOW = datetime.now(UTC)


def ran(shop, verb, *kinds, age_minutes):
    """Write the journal of a run that has done a step of each kind; return its first entry's key."""
    steps = tuple(PlannedStep(name=f"do {kind}", kind=kind, target="it", stage=Stage.IMMEDIATE, arguments={}) for kind in kinds)
    plan = Plan(application="shop", verb=verb, created=NOW, targets={}, steps=steps)
    run = run_id("shop", verb, NOW - timedelta(minutes=age_minutes), nonce="1f2e")
    journal = Journal(journals_of(shop.environment), run, epoch=1)
    journal.append(EntryKind.PLAN, facts=plan_facts(plan))
    for step in steps:
        journal.append(EntryKind.INTENT, step=step.name)
        journal.append(EntryKind.DONE, step=step.name)
    return entry_key(run, 1)


def measured(shop) -> set[str]:
    return set(read_measured(shop.environment, shop.application.name))


def test_a_later_run_of_another_verb_hides_no_seconds(shop):
    ran(shop, Verb.ROLLBACK, "swap", "start", age_minutes=9)
    ran(shop, Verb.DISCARD, "discard", age_minutes=5)

    assert measured(shop) == {"swap", "start", "discard"}


def test_a_damaged_journal_costs_its_own_seconds_alone(shop):
    ran(shop, Verb.ROLLBACK, "swap", age_minutes=9)
    (shop.folder / ran(shop, Verb.DISCARD, "discard", age_minutes=5)).write_bytes(b"{}")

    assert measured(shop) == {"swap"}


def test_only_the_latest_runs_are_read(shop):
    ran(shop, Verb.ROLLBACK, "swap", age_minutes=90)
    for age in range(RUNS_MEASURED):
        ran(shop, Verb.HOLD, "stop", age_minutes=age + 1)

    assert measured(shop) == {"stop"}


def test_without_a_run_nothing_is_measured(shop):
    assert measured(shop) == set()
