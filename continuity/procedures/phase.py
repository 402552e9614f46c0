"""Plan to take one phase of an application back: observe every part of it, decide the steps, and show what each does."""

from datetime import UTC, datetime

from continuity.adapters.approvals import WaitingPlan
from continuity.domain.application import Application
from continuity.domain.feature import switch_steps
from continuity.domain.live import LiveState
from continuity.domain.media_plan import ACCOUNT, ROLL_BACK, MediaWish, hiding_steps
from continuity.domain.media_rollback import Change
from continuity.domain.phase_rollback import (
    KEPT,
    PhaseParts,
    PhaseWish,
    code_steps,
    code_without_repository,
    plan_phase,
    refuse_held,
    service_steps,
)
from continuity.domain.phases import Phase, find_phase
from continuity.domain.plan import Plan, PlannedStep
from continuity.domain.quarantine import quarantine_notes, quarantine_steps
from continuity.procedures.feature import OBSERVE_FLAGS
from continuity.procedures.live import OBSERVE
from continuity.procedures.media import LIST, LOOK, estimate_media
from continuity.settings import Environment
from continuity.steps.operation import Operation, Perform
from continuity.steps.places import source_of
from continuity.steps.quarantine import READ_SCHEMA
from continuity.steps.reverting import read_revert

BEFORE_ANYTHING = datetime(1970, 1, 1, tzinfo=UTC)

Part = tuple[tuple[PlannedStep, ...], tuple[str, ...]]
"""The steps of one part of a phase, and what is to be known of them."""


def make_phase_plan(
    application: Application,
    environment: Environment,
    wish: PhaseWish,
    *,
    perform: Perform,
    now: datetime,
    former: Plan | None = None,
) -> WaitingPlan:
    """Make the plan that takes a phase back, with every file, statement, flag and prefix.

    Changes nothing but that lists of media are kept in the vault, each under its own hash. Made once more from its `former`
    self, media are not listed anew: each key is compared when it is its turn, and what is uploaded later stays.

    Raises:
        ConfigurationRefused: there is no such phase, or it names what there is not.
        UnsafeOperation: something outside the phase depends on it, somebody is at work in the checkout, the application is
            held, or nothing of the phase is left.
        ClusterError, DatabaseError, VaultError: a part could not be observed.

    """
    phase = find_phase(application.phases, wish.phase)
    live = perform(OBSERVE, application, environment)
    refuse_held(application, live)
    # The database first: what depends on the phase is the commonest reason to refuse.
    schema, schema_notes = _schema(application, environment, phase, live, perform, with_dependents=wish.with_dependents)
    flags, flag_notes = _flags(application, environment, phase, perform)
    code, code_notes = _code(application, environment, phase, live, perform)
    if former is None:
        media, media_notes = _media(application, environment, phase, perform)
    else:
        media, media_notes = tuple(step for step in former.steps if step.kind in {ROLL_BACK, ACCOUNT}), ()
    parts = PhaseParts(flags=flags, code=code, services=service_steps(phase.services, live), schema=schema, media=media)
    plan = plan_phase(application, live, phase, parts, options=wish.options(), now=now, url=environment.url)
    notes = (*flag_notes, *code_notes, *schema_notes, *media_notes, KEPT)
    return WaitingPlan(plan=plan, estimates=estimate_media(environment, plan, perform=perform, notes=notes))


def _flags(application: Application, environment: Environment, phase: Phase, perform: Perform) -> Part:
    if not phase.flags:
        return (), ("no flag hides the phase: from when its tables are set aside, whoever asks for them gets errors",)
    seen = perform(OBSERVE_FLAGS, application, environment)
    steps = switch_steps(seen, dict.fromkeys(phase.flags, False))
    off = [name for name in phase.flags if not any(step.arguments.get("flag") == name for step in steps)]
    return steps, (*seen.notes, *(f"flag {name} is off already" for name in off))


def _code(application: Application, environment: Environment, phase: Phase, live: LiveState, perform: Perform) -> Part:
    if phase.code is None:
        return (), ()
    source = source_of(environment, application)
    if source is None or source.repository is None:
        return (), code_without_repository(phase.code)
    revert = perform(READ_REVERT, source, phase.code, live.workloads)
    return code_steps(application, source, live, phase, revert)


def _schema(
    application: Application, environment: Environment, phase: Phase, live: LiveState, perform: Perform, *, with_dependents: bool
) -> Part:
    wanted = (*phase.tables, *phase.columns)
    if not wanted:
        return (), ()
    schema = perform(READ_SCHEMA, application, environment)
    steps = quarantine_steps(live, schema, wanted, with_dependents=with_dependents)
    return steps, quarantine_notes(schema, steps)


def _media(application: Application, environment: Environment, phase: Phase, perform: Perform) -> Part:
    """List what is to be hidden below each prefix: everything that readers meet there now."""
    steps: list[PlannedStep] = []
    notes: list[str] = []
    for prefix in phase.media:
        whole, _ = perform(LOOK, application, environment, prefix)
        wish = MediaWish(to=BEFORE_ANYTHING, prefix=whole, changes=(Change.ADDITIONS,))
        listed = perform(LIST, application, environment, wish)
        notes.append(f"media below {prefix!r}: {listed.told[Change.ADDITIONS]} get a delete marker, every version stays")
        if listed.actions:
            bucket = environment.media.bucket or (application.media.bucket if application.media else "")
            steps += hiding_steps(listed, bucket=bucket, prefix=prefix)
    return tuple(steps), tuple(notes)


READ_REVERT = Operation(name="read what a revert would change", run=read_revert)
