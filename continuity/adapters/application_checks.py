"""The part of `application.toml` that says how an application proves that it works: health, and tests of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from continuity.domain.answers import OK, Expected
from continuity.domain.application_tests import ApplicationTest, JourneyRequest, RunsIn
from continuity.domain.error_rate import ErrorWatch
from continuity.domain.health import HealthCheck
from continuity.domain.query_times import ProbeQuery
from continuity.domain.stages import Stage
from continuity.errors import ConfigurationRefused
from continuity.sections import Section

Body = str | dict[str, Any]
"""What a body must hold: a text, or the keys and values of a JSON object."""
UrlPath = Annotated[str, Field(pattern="^/")]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class HealthSection(Section):
    """How the application is asked for its health."""

    path: UrlPath = "/health-check"
    body: Body = ""
    good_answers: Annotated[int, Field(ge=1, le=100)] = 3
    interval_seconds: Seconds = 1
    answer_seconds: Seconds = 5
    deadline_seconds: Seconds = 120

    def health(self) -> HealthCheck:
        """Return the check that this describes."""
        return HealthCheck(
            path=self.path,
            expected=_expected(self.body, (OK,)),
            good_answers=self.good_answers,
            interval_seconds=self.interval_seconds,
            answer_seconds=self.answer_seconds,
            deadline_seconds=self.deadline_seconds,
        )


class RequestSection(Section):
    """One request of a journey."""

    path: UrlPath
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    json_: Annotated[dict[str, Any] | list[Any] | None, Field(alias="json")] = None
    form: dict[str, str] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    keep: dict[str, str] = Field(default_factory=dict)
    expect_status: int | tuple[int, ...] = OK
    expect_body: Body = ""

    @model_validator(mode="after")
    def _usable(self) -> "RequestSection":
        message = ""
        if self.json_ is not None and self.form:
            message = "a request carries json or a form, not both"
        elif "{secret:" in str(self.expect_body):
            message = "what is expected stands in results, so it holds no secret"
        if message:
            raise ValueError(message)
        return self

    def request(self) -> JourneyRequest:
        """Return the request that this describes."""
        status = (self.expect_status,) if isinstance(self.expect_status, int) else self.expect_status
        return JourneyRequest(
            path=self.path,
            method=self.method,
            json=self.json_,
            form=self.form,
            headers=self.headers,
            keep=self.keep,
            expected=_expected(self.expect_body, status),
        )


class CheckSection(Section):
    """One test of the application's own."""

    name: Annotated[str, Field(min_length=3, max_length=80)]
    stage: Literal["validation", "confirmation"]
    critical: bool = True
    deadline_seconds: Seconds = 60
    command: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    runs_in: RunsIn = RunsIn.HERE
    variables: dict[str, str] = Field(default_factory=dict)
    requests: tuple[RequestSection, ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> "CheckSection":
        message = ""
        if bool(self.command) == bool(self.requests):
            message = "a test has either a command or requests"
        elif self.variables and (self.requests or self.runs_in is RunsIn.JOB):
            message = "variables are for commands that run here: a Job has those of its container"
        elif any("{secret:" in word for word in self.command):
            message = "a secret stands in variables, never in the command: everyone on the machine can read that"
        if message:
            raise ValueError(message)
        return self

    def test(self) -> ApplicationTest:
        """Return the test that this describes."""
        return ApplicationTest(
            name=self.name,
            stage=Stage(self.stage),
            critical=self.critical,
            deadline_seconds=self.deadline_seconds,
            command=self.command,
            runs_in=self.runs_in,
            variables=self.variables,
            requests=tuple(each.request() for each in self.requests),
        )


class QuerySection(Section):
    """One query whose time is compared with what it was when the point was made."""

    name: Annotated[str, Field(min_length=3, max_length=80)]
    sql: Annotated[str, Field(min_length=10)]

    def query(self) -> ProbeQuery:
        """Return the query that this describes."""
        return ProbeQuery(name=self.name, sql=self.sql.strip().rstrip(";"))


class ErrorsSection(Section):
    """For how long the application is watched after a change, and how many errors it may answer with."""

    window_seconds: Seconds = 30
    interval_seconds: Seconds = 0.5
    most_percent: Annotated[float, Field(ge=0, lt=100)] = 1

    def watch(self) -> ErrorWatch:
        """Return the watch that this describes."""
        return ErrorWatch(
            window_seconds=self.window_seconds, interval_seconds=self.interval_seconds, most_percent=self.most_percent
        )


def read_tests(sections: Sequence[CheckSection], *, source: Path) -> tuple[ApplicationTest, ...]:
    """Return the tests that a file describes.

    Raises:
        ConfigurationRefused: two have the same name.

    """
    names = [section.name for section in sections]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigurationRefused(f"{source} has two tests of the name {min(twice)!r}", hint="Rename one of them.")
    return tuple(section.test() for section in sections)


def _expected(body: Body, status: tuple[int, ...]) -> Expected:
    return Expected(status=status, text=body) if isinstance(body, str) else Expected(status=status, values=body)
