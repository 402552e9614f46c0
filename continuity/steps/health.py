"""The step that asks the application for its health, as its users reach it, until it is healthy or time is up."""

import logging
import time
from collections.abc import Callable

from continuity.adapters.http import visiting
from continuity.domain.answers import Answer
from continuity.domain.health import Health, HealthCheck, Seen, judge_health
from continuity.domain.plan import Facts
from continuity.errors import CheckFailed, ConfigurationRefused
from continuity.settings import Environment, TrafficSection
from continuity.steps.operation import ONCE
from continuity.steps.step import Step, World

logger = logging.getLogger(__name__)


def traffic_of(environment: Environment) -> TrafficSection:
    """Return how users reach the application.

    Raises:
        ConfigurationRefused: the environment does not say.

    """
    if environment.traffic is None:
        raise ConfigurationRefused(
            "the environment does not say where users reach the application", hint="Set `[traffic] url` in its file."
        )
    return environment.traffic


def _check(world: World, _facts: Facts) -> Facts:
    check = world.application.health or HealthCheck()
    traffic = traffic_of(world.environment)
    with visiting(traffic.url, ca_file=traffic.ca_file) as visitor:
        health = watch_health(check, lambda: visitor.ask(check.path, answer_seconds=check.answer_seconds))
    logger.info("checked health url=%s healthy=%s answers=%d", traffic.url, health.healthy, health.answers)
    if not health.healthy:
        raise CheckFailed(
            f"{check.path} was not healthy within {check.deadline_seconds:g} s: {health.because}",
            detail=f"{health.answers} answers, the slowest after {health.slowest_seconds} s.",
            hint="Look at the pods and their logs.",
        )
    return {
        "answers": health.answers,
        "first good answer seconds": health.first_good_seconds,
        "slowest seconds": health.slowest_seconds,
        "flaps": health.flaps,
        "because": health.because,
        "noted": [health.because] if health.flaps else [],
    }


def watch_health(check: HealthCheck, ask: Callable[[], Answer]) -> Health:
    """Ask until the answers are good enough in a row, or the check's deadline has passed; return the judgement."""
    started = time.monotonic()
    seen: list[Seen] = []
    while True:
        asked = time.monotonic()
        answer = ask()
        after = round(time.monotonic() - started, 3)
        seen.append(Seen(after_seconds=after, seconds=answer.seconds, wrong=check.expected.wrong_with(answer)))
        health = judge_health(seen, good_answers=check.good_answers)
        next_ask = asked + check.interval_seconds
        if health.healthy or max(next_ask, time.monotonic()) > started + check.deadline_seconds:
            return health
        time.sleep(max(0.0, next_ask - time.monotonic()))


CHECK_HEALTH = Step(kind="check health", do=_check, observes=True, retry=ONCE)
"""It has patience of its own: the check's deadline, not the policy's attempts."""
