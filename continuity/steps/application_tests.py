"""The step that runs one of the application's own tests, and tells what it came to without any secret."""

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from continuity.adapters.cluster import open_cluster
from continuity.adapters.cluster_jobs import run_job
from continuity.adapters.http import Visitor, visiting
from continuity.adapters.programs import Ended, child_environment, run_in_group, safe_text
from continuity.adapters.secrets import read_secrets
from continuity.domain.answers import Answer, value_at
from continuity.domain.application_tests import ApplicationTest, JourneyRequest, RunsIn, Tried, fill, fill_path, hide
from continuity.domain.plan import Facts
from continuity.errors import CheckFailed, ConfigurationRefused
from continuity.settings import TrafficSection
from continuity.steps.health import traffic_of
from continuity.steps.operation import ONCE
from continuity.steps.step import Step, World

logger = logging.getLogger(__name__)

RUN_TEST = "run a test"
URL_VARIABLE = "APPLICATION_URL"
ANSWER_SECONDS = 10.0
SHOWN_CHARACTERS = 2000


class RunJob(Protocol):
    """Runs a test's command as a Job in the application's own image."""

    def __call__(self, world: World, test: ApplicationTest) -> Ended:
        """Return how it ended. Raises TimeoutError past the test's deadline."""


def run_in_cluster(world: World, test: ApplicationTest) -> Ended:
    """Run a test's command as a Job in the image of the application's first workload.

    The Job is named by the run and the test, so that an attempt which was cut off is waited for and not run beside.

    Raises:
        ConfigurationRefused: the application has no workload.
        ClusterError: the cluster refused, or could not be reached.

    """
    if not world.application.workloads:
        raise ConfigurationRefused(
            f"test {test.name!r} runs in a Job, and {world.application.name} has no workload",
            hint="Describe a `[[workload]]`, or run the test here.",
        )
    mark = hashlib.sha256(f"{world.run}/{test.name}".encode()).hexdigest()[:16]
    with open_cluster(world.environment.cluster) as cluster:
        result = run_job(
            cluster,
            world.application.workloads[0],
            name=f"continuity-test-{mark}",
            command=test.command,
            deadline_seconds=max(1, round(test.deadline_seconds)),
        )
    said = result.output if result.succeeded else f"{result.because}: {result.output}"
    return Ended(code=0 if result.succeeded else 1, said=safe_text(said.encode()))


def running_tests(in_job: RunJob) -> Step:
    """Return the step that runs one test; `in_job` is how a command gets into the cluster."""

    def do(world: World, facts: Facts) -> Facts:
        test = _planned(world, facts)
        tried = try_out(world, test, in_job=in_job)
        logger.info("ran a test name=%r passed=%s seconds=%.1f", tried.name, tried.passed, tried.seconds)
        if not tried.passed and test.critical:
            raise CheckFailed(f"test {tried.name!r} failed: {tried.detail}", hint="Look at the application; then resume the run.")
        noted = [] if tried.passed else [f"test {tried.name!r} failed: {tried.detail}"]
        return {"passed": tried.passed, "seconds": tried.seconds, "detail": tried.detail, "noted": noted}

    # Once: a journey may have booked something, and a failing test is told, not repeated until it passes.
    return Step(kind=RUN_TEST, do=do, observes=True, retry=ONCE)


def _planned(world: World, facts: Facts) -> ApplicationTest:
    for test in world.application.tests:
        if test.name == facts["test"]:
            if test.definition != facts["definition"]:
                raise ConfigurationRefused(
                    f"test {test.name!r} is not the one that was planned", hint="Make a new plan, or put its definition back."
                )
            return test
    raise ConfigurationRefused(f"{world.application.name} has no test {facts['test']!r} any more", hint="Make a new plan.")


def try_out(world: World, test: ApplicationTest, *, in_job: RunJob) -> Tried:
    """Run a test to its end, or to its deadline.

    Raises:
        ConfigurationRefused: a secret, the program or the application's address is missing: that is no result.

    """
    started = time.monotonic()
    traffic = traffic_of(world.environment)
    secrets = read_secrets(traffic.secrets, test.secrets)
    wrong = _travel(test, traffic, secrets) if test.requests else _command(world, test, traffic, secrets, in_job)
    return Tried(name=test.name, passed=not wrong, seconds=round(time.monotonic() - started, 2), detail=hide(wrong, secrets))


def _command(world: World, test: ApplicationTest, traffic: TrafficSection, secrets: Mapping[str, str], in_job: RunJob) -> str:
    try:
        if test.runs_in is RunsIn.JOB:
            ended = in_job(world, test)
        else:
            given = fill(test.variables, lambda _kind, name: secrets[name])
            variables = child_environment({URL_VARIABLE: traffic.url, **given})
            ended = run_in_group(test.command, environment=variables, timeout_seconds=test.deadline_seconds)
    except TimeoutError as error:
        return str(error)
    if ended.code == 0:
        return ""
    # Hidden before it is cut: half a secret is one too.
    said = hide(ended.said, secrets).strip()[-SHOWN_CHARACTERS:]
    return f"ended with {ended.code}: {said or 'it said nothing'}"


def _travel(test: ApplicationTest, traffic: TrafficSection, secrets: Mapping[str, str]) -> str:
    """Make the requests of a journey in order; return what is wrong with the first wrong answer."""
    deadline = time.monotonic() + test.deadline_seconds
    with visiting(traffic.url, ca_file=traffic.ca_file) as visitor:
        journey = _Journey(visitor=visitor, secrets=secrets)
        for number, request in enumerate(test.requests, start=1):
            left = deadline - time.monotonic()
            wrong = journey.go(request, seconds=min(left, ANSWER_SECONDS)) if left > 0 else "its time was up before"
            if wrong:
                return f"request {number} of {len(test.requests)}, {request.method} {request.path}: {wrong}"
    return ""


@dataclass(frozen=True, kw_only=True)
class _Journey:
    """A visitor on the way, with what earlier answers have given."""

    visitor: Visitor
    secrets: Mapping[str, str]
    kept: dict[str, str] = field(default_factory=dict)

    def go(self, request: JourneyRequest, *, seconds: float) -> str:
        """Make one request; return what is wrong with its answer."""
        try:
            answer = self.visitor.ask(
                fill_path(request.path, self._look_up),
                method=request.method,
                json=fill(request.json, self._look_up),
                form=fill(request.form, self._look_up),
                headers=fill(request.headers, self._look_up),
                answer_seconds=seconds,
            )
            expected = request.expected.filled(lambda value: fill(value, self._look_up))
            if expected.wrong_with(answer):
                return expected.wrong_with(self._without_secrets(answer)) or "the answer is not as expected"
            self.kept.update({name: str(value_at(answer.body, path)) for name, path in request.keep.items()})
        except LookupError as error:
            return str(error.args[0])
        return ""

    def _look_up(self, kind: str, name: str) -> str:
        found = self.visitor.cookie(name) if kind == "cookie" else {"secret": self.secrets, "kept": self.kept}[kind].get(name)
        if found is None:
            raise LookupError(f"there is no {kind} {name!r}")
        return found

    def _without_secrets(self, answer: Answer) -> Answer:
        body = hide(answer.body.decode("utf-8", errors="replace"), self.secrets)
        return replace(answer, body=body.encode(), location=hide(answer.location, self.secrets))
