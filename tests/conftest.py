"""Fixtures of every test, and the rule that no test is skipped without having been announced."""

import atexit
import os
import sys

import pytest

pytest_plugins = [
    "tests.fixtures.postgres",
    "tests.fixtures.object_stores",
    "tests.fixtures.protection",
    "tests.fixtures.shops",
    "tests.fixtures.places",
    "tests.fixtures.poolers",
    "tests.fixtures.terminal",
    "tests.fixtures.cluster",
    "tests.fixtures.prefect",
    "tests.fixtures.campaigns",
    "tests.fixtures.terraform_places",
    "tests.fixtures.receivers",
]

ANNOUNCED_SKIPS = (
    "real data absent",
    "the wheel is not made for this Python",
    "no pgbench in",
    "no right to mount",
    "no Chromium on this machine",
    "no pgbouncer on this machine",
    "no terraform on this machine",
    "no AWS provider on this machine",
    "no Alertmanager on this machine",
    "no promtool on this machine",
    "no prefect-kubernetes in this environment",
    "no redis-server on this machine",
)
"""Reasons for which a test may be skipped on a machine of CI; any other skip there is a failure."""

_unannounced: list[str] = []
_ENDED = pytest.StashKey[int]()


@pytest.fixture(autouse=True)
def no_inherited_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of the person who runs the tests out of them."""
    for name in [name for name in os.environ if name.startswith("CONTINUITY_") and name != "CONTINUITY_TEST_DATA"]:
        if name != "CONTINUITY_POSTGRES_BIN":
            monkeypatch.delenv(name)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not reason.startswith(ANNOUNCED_SKIPS):
            _unannounced.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _unannounced and os.environ.get("CI"):
        print("\nskipped without having been announced:\n" + "\n".join(_unannounced))  # noqa: T201
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    session.config.stash[_ENDED] = int(session.exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave with the verdict of the tests, and without taking the interpreter apart.

    After all of them, with Prefect's threads alive, that ends in a segmentation fault inside pydantic-core (2.50.4 and Python
    3.11.7, twice in two whole runs; in no part of the tests), and a passed run would count as failed.
    """
    if (ended := config.stash.get(_ENDED, None)) is not None:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended)
