"""Validates databases in a child process, so that Great Expectations loads beside other work and never in its way."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Overdue
from types import TracebackType
from typing import Any, Self

from pydantic import TypeAdapter

from continuity.adapters.postgres import libpq_environment
from continuity.adapters.programs import child_environment
from continuity.domain.application import Application
from continuity.domain.recovery_point import Manifest
from continuity.domain.verdict import Axis, Finding, Outcome, Severity
from continuity.procedures.drill import Validated

LIMIT_SECONDS = 6 * 3600
_FINDINGS = TypeAdapter(tuple[Finding, ...])


class Validator:
    """Judges databases by their suites; a context manager that ends its child."""

    def __init__(self, *, parallel: int = 2, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._parallel = parallel
        self._limit_seconds = limit_seconds
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def prepare(self) -> None:
        """Start loading Great Expectations; returns at once."""
        if self._child is None or self._child.poll() is not None:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "expectations.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                env=child_environment({"CONTINUITY_PARALLEL": str(self._parallel), "PREFECT_LOGGING_TO_API_ENABLED": "false"}),
            )

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def restored(self, dsn: str, database: str, manifest: Manifest, application: Application) -> Validated:
        """Compare a restored database with its point, and apply the application's rules. Reads only."""
        return self._ask(dsn, database, manifest, application, restored=True)

    def live(self, dsn: str, database: str, manifest: Manifest | None, application: Application) -> Validated:
        """Examine a live database; `manifest` is its latest point, where there is one. Reads only."""
        return self._ask(dsn, database, manifest, application, restored=False)

    def _ask(self, dsn: str, database: str, manifest: Manifest | None, application: Application, *, restored: bool) -> Validated:
        request = {
            "restored": restored,
            "environment": libpq_environment(dsn, database=database),
            "manifest": TypeAdapter(Manifest | None).dump_python(manifest, mode="json"),
            "application": TypeAdapter(Application).dump_python(application, mode="json"),
        }
        try:
            said = self._exchange(json.dumps(request))
        except (Overdue, OSError, ValueError) as error:
            code = self._child.poll() if self._child else None
            self.close()
            why = f"it did not end within {self._limit_seconds:.0f} s" if isinstance(error, Overdue) else f"code {code}"
            return _nothing(f"the validating process gave no answer: {why}", restored=restored)
        if "error" in said:
            return _nothing(f"the validation raised {said['error']}", restored=restored)
        return Validated(findings=_FINDINGS.validate_python(said["findings"]), result=json.dumps(said["result"]))

    def _exchange(self, request: str) -> dict[str, Any]:
        self.prepare()
        child = self._child
        if child is None or child.stdin is None or child.stdout is None:
            raise OSError("no process")
        child.stdin.write(request + "\n")
        child.stdin.flush()
        reader = ThreadPoolExecutor(1, thread_name_prefix="validator")
        try:
            line = reader.submit(child.stdout.readline).result(timeout=self._limit_seconds)
        finally:
            reader.shutdown(wait=False)
        said: dict[str, Any] = json.loads(line)
        return said


def _nothing(why: str, *, restored: bool) -> Validated:
    finding = Finding(
        name="validation",
        axis=Axis.FAITHFUL if restored else Axis.HEALTHY,
        severity=Severity.CRITICAL,
        outcome=Outcome.NOT_PROVEN,
        detail=why,
    )
    return Validated(findings=(finding,), result="")
