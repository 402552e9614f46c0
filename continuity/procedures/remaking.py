"""Makes a plan again from the wish that it records, by the world as it is now: what an approved plan is compared with."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from continuity.domain.application import Application
from continuity.domain.column import ColumnWish
from continuity.domain.phase_rollback import PhaseWish
from continuity.domain.plan import Plan, Verb
from continuity.domain.run import RunId
from continuity.errors import UnsafeOperation
from continuity.procedures.column import make_column_plan
from continuity.procedures.feature import FeatureWish, make_feature_plan
from continuity.procedures.media import remake_media_plan
from continuity.procedures.phase import make_phase_plan
from continuity.procedures.recovery import RecoveryWish, make_recovery_plan
from continuity.procedures.rollback import RollbackWish, make_plan
from continuity.procedures.undoing import make_undo_plan
from continuity.settings import Environment
from continuity.steps.operation import Perform


class Make(Protocol):
    """Makes a plan of one verb again. Changes nothing."""

    def __call__(
        self, application: Application, environment: Environment, plan: Plan, *, perform: Perform, now: datetime
    ) -> Plan:
        """Return the plan that the same wish makes now."""


def remake(application: Application, environment: Environment, plan: Plan, *, perform: Perform, now: datetime) -> Plan:
    """Make a plan again from the wish that it records, by the world as it is now. Changes nothing.

    Raises:
        UnsafeOperation: a plan of this verb is not made from its record alone, or the world refuses it now.

    """
    if plan.verb is Verb.DISCARD:
        raise UnsafeOperation(
            f"plan {plan.hash} drops for good, and wants an exact name",
            detail="Nothing was changed.",
            hint=f"`continuity discard {plan.options['run']}` prints the command.",
        )
    if plan.verb not in _MAKES:
        raise UnsafeOperation(f"plan {plan.hash} of a {plan.verb.value} is not carried out by its hash")
    return _MAKES[plan.verb](application, environment, plan, perform=perform, now=now)


def _rollback(application: Application, environment: Environment, plan: Plan, *, perform: Perform, now: datetime) -> Plan:
    return make_plan(application, environment, RollbackWish.of(plan), perform=perform, now=now).plan


def _undo(application: Application, environment: Environment, plan: Plan, *, perform: Perform, now: datetime) -> Plan:
    return make_undo_plan(application, environment, RunId(plan.options["run"]), perform=perform, now=now).plan


def _feature(application: Application, environment: Environment, plan: Plan, *, perform: Perform, now: datetime) -> Plan:
    return make_feature_plan(application, environment, FeatureWish.of(plan), perform=perform, now=now).plan


def _column(application: Application, environment: Environment, plan: Plan, *, perform: Perform, now: datetime) -> Plan:
    return make_column_plan(application, environment, ColumnWish.of(plan.options), perform=perform, now=now).plan


def _phase(application: Application, environment: Environment, plan: Plan, *, perform: Perform, now: datetime) -> Plan:
    return make_phase_plan(application, environment, PhaseWish.of(plan), perform=perform, now=now, former=plan).plan


def _recovery(application: Application, environment: Environment, plan: Plan, *, perform: Perform, now: datetime) -> Plan:
    return make_recovery_plan(application, environment, RecoveryWish.of(plan), perform=perform, now=now).plan


_MAKES: Mapping[Verb, Make] = {
    Verb.ROLLBACK: _rollback,
    Verb.UNDO: _undo,
    Verb.FEATURE: _feature,
    Verb.COLUMN: _column,
    Verb.PHASE: _phase,
    Verb.MEDIA: remake_media_plan,
    Verb.RECOVERY: _recovery,
    Verb.REHEARSAL: _recovery,
}
