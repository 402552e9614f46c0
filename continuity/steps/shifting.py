"""The step that gives the recovered side its part of the visitors, and takes it away again on the first doubt."""

import logging
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass

from continuity.adapters.cluster_traffic import Divided, Traffic, open_traffic
from continuity.adapters.http import Visitor, visiting
from continuity.adapters.prometheus import read_number
from continuity.domain.health import HealthCheck
from continuity.domain.ladder import SHIFT, Decided, Decision, Observation, Rules, climb, decide
from continuity.domain.plan import Facts
from continuity.errors import CheckFailed, UnsafeOperation
from continuity.recovery_settings import ShiftSection
from continuity.settings import PrometheusSection
from continuity.steps.operation import Operation, Retry, perform_plainly
from continuity.steps.step import Probe, Step, World

logger = logging.getLogger(__name__)

ZERO = "0"
LEAST_ANSWER_SECONDS = 0.2
_PATIENT = Retry(attempts=4, first_wait_seconds=0.5, longest_wait_seconds=5.0)


def _facts(world: World, arguments: Facts) -> Facts:
    """Record the weights from before the first shift of the run, and those of every rung up to this step's."""
    with _open(world) as traffic:
        if traffic.name != arguments["through"]:
            raise UnsafeOperation(
                f"traffic is divided by {traffic.name}, the plan is for {arguments['through']}", hint="Make a new plan."
            )
        now = traffic.read()
        first = world.done.get(arguments.get("recorded by", ""))
        former = first["former"] if first else now.weights
        weights = {str(rung): traffic.at(rung, former) for rung in (0, *arguments["rungs"])}
    return {**arguments, "uid": now.uid, "former": former, "weights": weights}


def _probe(world: World, facts: Facts) -> Probe:
    with _open(world) as traffic:
        now = traffic.read()
    if now.uid != facts["uid"] or now.weights not in _ours(facts):
        return Probe.FOREIGN
    return Probe.DONE if now.weights == facts["weights"][str(facts["percent"])] else Probe.NOT_DONE


def _ours(facts: Facts) -> list[object]:
    """Return the weights that this run may have left: nobody else's are written over."""
    return [facts["former"], *facts["weights"].values()]


def _shift(world: World, facts: Facts) -> Facts:
    """Climb to the step's percentage, and watch each rung; whatever else happens on the way, traffic goes back to zero."""
    seen: list[Observation] = []
    with _open(world) as traffic:
        for rung in climb(_rung(traffic.read(), facts), facts["percent"], facts["rungs"]):
            good = False
            try:
                traffic.put(facts["weights"][str(rung)], uid=facts["uid"], over=_ours(facts))
                logger.info("shifted traffic percent=%d through=%r", rung, traffic.name)
                seen, decided = _watch(world, rung)
                good = decided.decision is Decision.UP
            finally:
                # Also when the watch itself has failed: nobody would know how the visitors fare.
                if not good:
                    _back_to_zero(traffic, facts)
            if not good:
                raise CheckFailed(
                    f"traffic is back at 0 %: at {rung} % {decided.because}",
                    detail="The weights from before are recorded; the undo puts them back.",
                    hint="Look at the pods and their logs; resuming climbs from the bottom.",
                )
    return {"because": decided.because, "looks": len(seen), "worst": _worst(seen)}


def _rung(now: Divided, facts: Facts) -> float | None:
    """Return which rung traffic is on; None where it is on none of ours, as before the first."""
    return next((int(rung) for rung, weights in facts["weights"].items() if weights == now.weights), None)


def _back_to_zero(traffic: Traffic, facts: Facts) -> None:
    """Take all traffic away; weights that somebody else has set meanwhile stay, and that is an error."""

    def put() -> None:
        traffic.put(facts["weights"][ZERO], uid=facts["uid"], over=_ours(facts))
        logger.warning("took traffic back percent=0 through=%r", traffic.name)

    perform_plainly(Operation(name="back to 0 %", run=put, retry=_PATIENT))


def _put_back(world: World, facts: Facts) -> None:
    """Put back the weights from before the run's first shift; those that somebody else has set stay, and are told of."""
    with _open(world) as traffic:
        traffic.put(facts["former"], uid=facts["uid"], over=_ours(facts))


def _watch(world: World, rung: int) -> tuple[list[Observation], Decided]:
    """Look again and again until the rung has been good for long enough, or is bad."""
    section = _section(world)
    rules = Rules(
        hold_seconds=section.hold_seconds,
        interval_seconds=section.interval_seconds,
        settle_seconds=section.settle_seconds,
        most_error_percent=world.application.errors.most_percent,
        most_latency_seconds=section.most_latency_seconds,
    )
    users = world.environment.traffic
    check = world.application.health or HealthCheck()
    seen: list[Observation] = []
    with visiting(section.url, ca_file=users.ca_file if users else None) as visitor:
        lookout = Lookout(visitor=visitor, check=check, shift=section, prometheus=world.environment.prometheus)
        # What it has taken to get here is no time for which the rung was seen to be good.
        started = time.monotonic()
        while True:
            began = time.monotonic()
            seen.append(lookout.look(began - started))
            decided = decide(seen[-1], rules)
            logger.info("watched traffic percent=%d decision=%s because=%r", rung, decided.decision, decided.because)
            if decided.decision is not Decision.HOLD:
                return seen, decided
            pause = min(began + rules.interval_seconds, started + rules.hold_seconds) - time.monotonic()
            time.sleep(max(pause, 0.0))


@dataclass(frozen=True, kw_only=True)
class Lookout:
    """Looks at the recovered side: by its health check, and by Prometheus for what it is configured for."""

    visitor: Visitor
    check: HealthCheck
    shift: ShiftSection
    prometheus: PrometheusSection | None

    def look(self, after_seconds: float) -> Observation:
        """Look once, within an interval. Our own requests tell what Prometheus is not asked for."""
        left = _Budget(self.shift.interval_seconds)
        answer = self.visitor.ask(self.check.path, answer_seconds=min(self.check.answer_seconds, left()))
        wrong = self.check.expected.wrong_with(answer)
        # Of our own all were good so far: the first bad one ends the watch.
        errors: float | None = 100.0 if wrong else 0.0
        latency: float | None = answer.seconds
        missing = []
        if self.prometheus and not wrong:
            query = self.shift.error_rate or self.prometheus.error_rate
            part, why_not = read_number(self.prometheus, query, answer_seconds=left())
            errors = None if part is None else part * 100
            missing.append(why_not)
            if self.shift.latency:
                latency, why_not = read_number(self.prometheus, self.shift.latency, answer_seconds=left())
                missing.append(why_not)
        return Observation(
            after_seconds=after_seconds,
            wrong=wrong,
            error_percent=errors,
            latency_seconds=latency,
            missing="; ".join(dict.fromkeys(filter(None, missing))),
        )


class _Budget:
    """What is left of an interval, so that no look takes longer than until the next."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def __call__(self) -> float:
        return max(self._until - time.monotonic(), LEAST_ANSWER_SECONDS)


def _worst(seen: list[Observation]) -> dict[str, float | None]:
    """Return the worst numbers that were seen, for the report."""
    errors = [each.error_percent for each in seen if each.error_percent is not None]
    latencies = [each.latency_seconds for each in seen if each.latency_seconds is not None]
    return {"error percent": max(errors, default=None), "latency seconds": max(latencies, default=None)}


def _section(world: World) -> ShiftSection:
    section = world.environment.shift
    assert section is not None  # noqa: S101 -- traffic was opened by it
    return section


def _open(world: World) -> AbstractContextManager[Traffic]:
    return open_traffic(world.environment.shift, world.environment.cluster)


SHIFT_TRAFFIC = Step(
    kind=SHIFT, facts=_facts, probe=_probe, do=_shift, undo=_put_back, watches=True, retry=_PATIENT
)  # fmt: skip
