"""Plans what proves that an application works after a change: health, its own tests, its data, its pods, its speed."""

from collections.abc import Iterator

from continuity.domain.agreement import agreement_steps
from continuity.domain.application import Application
from continuity.domain.health import HealthCheck
from continuity.domain.plan import Facts, PlannedStep
from continuity.domain.stages import Stage


def plan_health(application: Application, url: str) -> PlannedStep:
    """Plan the question for the application's health, as its users reach it."""
    check = application.health or HealthCheck()
    return PlannedStep(
        name="check health",
        kind="check health",
        target=f"{url.rstrip('/')}{check.path}, {check.good_answers} good answers in a row",
        arguments={"url": url, "path": check.path},
    )


def proof_steps(application: Application, url: str, point: Facts | None) -> tuple[PlannedStep, ...]:
    """Plan to ask for the application's health first, as part of the immediate stage; then what the later stages look at.

    One without `[health]` is not asked: the address of the environment may be another application's.
    """
    health = (plan_health(application, url),) if url and application.health else ()
    return (*health, *plan_proof(application, url=url, point=point))


def plan_proof(application: Application, *, url: str, point: Facts | None) -> tuple[PlannedStep, ...]:
    """Plan the stages of validation and confirmation. All of these steps only look.

    `url` is where users reach the application, "" where that is not known: then only the data and the pods are looked at.
    `point` names the recovery point that the database was brought back to (`point`, `dump_sha256`), None where it was not.
    Errors are counted only where `[health]` says which answers are good.
    """
    return (*_validation(application, url, point), *_confirmation(application, url, point))


def _validation(application: Application, url: str, point: Facts | None) -> Iterator[PlannedStep]:
    yield from _tests(application, url, Stage.VALIDATION)
    if point is not None:
        yield PlannedStep(
            name="validate the live database",
            kind="validate the live database",
            target=f"database {application.database.name}",
            arguments=point,
            stage=Stage.VALIDATION,
        )
        yield from agreement_steps(application)
    if application.workloads:
        yield PlannedStep(
            name="gather pods and logs",
            kind="gather pods and logs",
            target=", ".join(map(str, application.workloads)),
            stage=Stage.VALIDATION,
        )


def _confirmation(application: Application, url: str, point: Facts | None) -> Iterator[PlannedStep]:
    yield from _tests(application, url, Stage.CONFIRMATION)
    if point is not None:
        yield PlannedStep(
            name="compare query times",
            kind="compare query times",
            target=f"database {application.database.name}",
            arguments=point,
            stage=Stage.CONFIRMATION,
        )
    if url and application.health:
        watch = application.errors
        yield PlannedStep(
            name="watch for errors",
            kind="watch for errors",
            target=f"{url}, for {watch.window_seconds:g} s, at most {watch.most_percent:g} %",
            stage=Stage.CONFIRMATION,
        )


def _tests(application: Application, url: str, stage: Stage) -> Iterator[PlannedStep]:
    for test in application.tests if url else ():
        if test.stage is stage:
            yield PlannedStep(
                name=f"test: {test.name}",
                kind="run a test",
                target=str(test),
                arguments={"test": test.name, "definition": test.definition},
                stage=stage,
            )
