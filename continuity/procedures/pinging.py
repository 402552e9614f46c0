"""Tells a dead-man's switch of a scheduled job: that it begins, and what it came to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from continuity.adapters.pings import Pinger
from continuity.domain.application import Application
from continuity.domain.verdict import Judgement, Verdict
from continuity.errors import Busy, ContinuityError
from continuity.settings import Environment


class Job(StrEnum):
    """What is done again and again, and must not stop unseen."""

    BACKUP = "backup"
    DRILL = "drill"
    VALIDATION = "validation"
    EXPIRY = "expiry"


@dataclass(kw_only=True)
class Told:
    """What is told of a job that has come to its end. Of one that has raised, its error is told."""

    said: str = ""
    failed: bool = False

    def judged(self, verdict: Verdict, *, subject: str) -> None:
        """Tell a verdict: one that is not faithful, or not proven, is a failure of the job."""
        self.failed = verdict.judgement not in {Judgement.SOUND, Judgement.UNHEALTHY}
        self.said = f"{verdict.judgement.value}: {subject}: {verdict.because}"


@contextmanager
def pinging(application: Application, environment: Environment, job: Job) -> Iterator[Told]:
    """Ping the check of a job at its begin and its end, where the environment names one. Holds it up for 6 s at most.

    A job that was refused since another of its kind is at work has not stopped: nothing is told of it, and the other tells.
    """
    pinger = Pinger(environment.pings, f"{application.name}-{job.value}")
    pinger.start()
    told = Told()
    try:
        yield told
    except Busy:
        raise
    except ContinuityError as error:
        pinger.fail(error.message)
        raise
    except BaseException as error:
        # Its words may hold anything: what it is says enough.
        pinger.fail(type(error).__name__)
        raise
    if told.failed:
        pinger.fail(told.said)
    else:
        pinger.succeed(told.said)
