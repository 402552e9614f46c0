"""The step that watches for errors after a change: by Prometheus where it is configured, else by asking ourselves."""

import logging
import time

from continuity.adapters.http import visiting
from continuity.adapters.prometheus import read_number
from continuity.domain.error_rate import ErrorRate, ErrorWatch
from continuity.domain.health import HealthCheck
from continuity.domain.plan import Facts
from continuity.errors import CheckFailed
from continuity.settings import TrafficSection
from continuity.steps.health import traffic_of
from continuity.steps.operation import ONCE
from continuity.steps.step import Step, World

logger = logging.getLogger(__name__)


def _watch(world: World, _facts: Facts) -> Facts:
    """Ask for a whole window, and then judge: Prometheus knows what real users saw meanwhile, our own answers are few."""
    watch, check = world.application.errors, world.application.health or HealthCheck()
    own, last_wrong = _ask_for_a_while(traffic_of(world.environment), check, watch)
    rate, noted = own, []
    if (section := world.environment.prometheus) is not None:
        number, why_not = read_number(section, section.error_rate)
        if number is None:
            noted.append(f"{why_not}; judged by our own requests alone")
        else:
            rate = ErrorRate(percent=number * 100, source="Prometheus")
    logger.info("watched for errors percent=%.2f source=%r", rate.percent, rate.source)
    if spike := rate.spike(watch):
        raise CheckFailed(spike, detail=last_wrong, hint="Look at the pods and their logs; then resume the run.")
    return {
        "percent": round(rate.percent, 2),
        "source": rate.source,
        "own percent": round(own.percent, 2),
        "noted": noted,
    }


def _ask_for_a_while(traffic: TrafficSection, check: HealthCheck, watch: ErrorWatch) -> tuple[ErrorRate, str]:
    until = time.monotonic() + watch.window_seconds
    asked, wrong, last_wrong = 0, 0, ""
    with visiting(traffic.url, ca_file=traffic.ca_file) as visitor:
        while (now := time.monotonic()) < until or not asked:
            said = check.expected.wrong_with(visitor.ask(check.path, answer_seconds=check.answer_seconds))
            asked, wrong, last_wrong = asked + 1, wrong + bool(said), said or last_wrong
            time.sleep(max(0.0, min(now + watch.interval_seconds, until) - time.monotonic()))
    rate = ErrorRate(percent=100 * wrong / asked, source=f"{wrong} of {asked} requests of our own")
    return rate, f"The last wrong answer: {last_wrong}." if last_wrong else ""


WATCH_ERRORS = Step(kind="watch for errors", do=_watch, observes=True, retry=ONCE)
