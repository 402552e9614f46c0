"""Makes a plan again from the wish that it records, by the world as it is now: what an approved plan is compared with."""

from datetime import datetime

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
from continuity.procedures.rollback import RollbackWish, make_plan
from continuity.procedures.undoing import make_undo_plan
from continuity.settings import Environment
from continuity.steps.operation import Perform


def remake(application: Application, environment: Environment, plan: Plan, *, perform: Perform, now: datetime) -> Plan:
    """Make a plan again from the wish that it records, by the world as it is now. Changes nothing.

    Raises:
        UnsafeOperation: a plan of this verb is not made from its record alone, or the world refuses it now.

    """
    match plan.verb:
        case Verb.ROLLBACK:
            return make_plan(application, environment, RollbackWish.of(plan), perform=perform, now=now).plan
        case Verb.FEATURE:
            return make_feature_plan(application, environment, FeatureWish.of(plan), perform=perform, now=now).plan
        case Verb.UNDO:
            return make_undo_plan(application, environment, RunId(plan.options["run"]), perform=perform, now=now).plan
        case Verb.MEDIA:
            return remake_media_plan(application, environment, plan, perform=perform, now=now)
        case Verb.COLUMN:
            wish = ColumnWish.of(plan.options)
            return make_column_plan(application, environment, wish, perform=perform, now=now).plan
        case Verb.PHASE:
            return make_phase_plan(application, environment, PhaseWish.of(plan), perform=perform, now=now, former=plan).plan
        case Verb.DISCARD:
            raise UnsafeOperation(
                f"plan {plan.hash} drops for good, and wants an exact name",
                detail="Nothing was changed.",
                hint=f"`continuity discard {plan.options['run']}` prints the command.",
            )
        case _:
            raise UnsafeOperation(f"plan {plan.hash} of a {plan.verb.value} is not carried out by its hash")
