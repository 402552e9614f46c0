"""Plan to switch a feature: observe the flags and who reads them, decide the steps, and say what they take."""

from dataclasses import dataclass, replace
from datetime import datetime

from continuity.adapters.approvals import WaitingPlan
from continuity.domain.activity import Discards
from continuity.domain.application import Application
from continuity.domain.estimates import predict
from continuity.domain.feature import plan_feature
from continuity.domain.flags import Says
from continuity.domain.plan import Plan
from continuity.procedures.rollback import READ_MEASURED
from continuity.settings import Environment
from continuity.steps.flag_places import observe_flags
from continuity.steps.operation import PATIENT, Operation, Perform


@dataclass(frozen=True, kw_only=True)
class FeatureWish:
    """What a person asks for. It goes into the plan, so that the plan can be made again and compared."""

    flag: str
    on: bool
    restart: bool = True
    """Whether pods that have read the flags at their start are started anew."""

    def options(self) -> dict[str, str]:
        """Return the wish as a plan records it."""
        return {"flag": self.flag, "to": Says.of(on=self.on).value, "restart": "yes" if self.restart else "no"}

    @staticmethod
    def of(plan: Plan) -> "FeatureWish":
        """Return the wish that a plan records."""
        options = plan.options
        return FeatureWish(flag=options["flag"], on=options["to"] == Says.ON.value, restart=options["restart"] == "yes")

    def __str__(self) -> str:
        return f"{self.flag} is {Says.of(on=self.on)}"


def make_feature_plan(
    application: Application, environment: Environment, wish: FeatureWish, *, perform: Perform, now: datetime
) -> WaitingPlan:
    """Make the plan that switches a feature; one without steps where the flag is as wanted already. Changes nothing.

    Raises:
        ConfigurationRefused: there is no such flag, or the application does not say where its flags live.
        UnsafeOperation: it is no switch, or has rules that on would go past, or a workload rolls nothing out.
        ClusterError, DatabaseError: the flags could not be read.

    """
    seen = perform(OBSERVE_FLAGS, application, environment)
    plan = plan_feature(application, seen, wish.flag, on=wish.on, restart=wish.restart, options=wish.options(), now=now)
    measured = perform(READ_MEASURED, environment, application.name)
    estimates = predict(plan, point=None, measured=measured, discards=Discards(kept=True), live_bytes=0)
    return WaitingPlan(plan=plan, estimates=replace(estimates, notes=seen.notes + estimates.notes))


OBSERVE_FLAGS = Operation(name="observe the flags", run=observe_flags, retry=PATIENT)
