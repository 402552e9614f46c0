"""Read a register of risks with what records say of it: incidents, and the last results of what mitigates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from continuity.domain.application import Application
from continuity.domain.records import DrillDone, RunEnded, Unreadable
from continuity.domain.risks import YEAR, Register, Risk, weigh
from continuity.procedures.alert_switch import recent_alerts
from continuity.procedures.incidents import read_incidents, records_of
from continuity.procedures.records import read_history
from continuity.settings import Environment
from continuity.steps.places import points_of


@dataclass(frozen=True, kw_only=True)
class LastResult:
    """What a mitigation has last come to. `good` is None where that is no question of good or bad."""

    at: datetime
    said: str
    good: bool | None


@dataclass(frozen=True, kw_only=True)
class LastResults:
    """The last result by the name of a check, a flow or an alert; of what is missing no record says anything."""

    checks: Mapping[str, LastResult]
    flows: Mapping[str, LastResult]
    alerts: Mapping[str, LastResult]


@dataclass(frozen=True, kw_only=True)
class WeighedRegister:
    """A register, the last results of its mitigations, and the records that could not be read."""

    register: Register
    results: LastResults
    unreadable: tuple[Unreadable, ...]


def weigh_register(
    application: Application, environment: Environment, risks: Sequence[Risk], *, now: datetime
) -> WeighedRegister:
    """Weigh a register against the records of the last year. Changes nothing.

    Raises:
        VaultError: the vault cannot be reached.

    """
    read = read_incidents(records_of(environment), application.name, since=now - 2 * YEAR)  # it looks at when they began
    history = read_history(environment, application.name, since=now - YEAR, until=now)
    return WeighedRegister(
        register=weigh(risks, read.incidents, until=now),
        results=LastResults(
            checks=_checks(application, environment),
            flows=_flows(history.drills, history.runs) | _backup(application, environment),
            alerts=_alerts(application, environment),
        ),
        unreadable=(*history.unreadable, *read.unreadable),
    )


def _checks(application: Application, environment: Environment) -> dict[str, LastResult]:
    newest = points_of(environment, application.name).newest_drill()
    if newest is None:
        return {}
    at = newest.record.finished
    return {each.name: LastResult(at=at, said=each.outcome.value, good=each.passed) for each in newest.findings}


def _backup(application: Application, environment: Environment) -> dict[str, LastResult]:
    points = points_of(environment, application.name).listing(catalogs=False).points
    return {"backup": LastResult(at=points[0].manifest.created, said=points[0].verdict, good=points[0].usable)} if points else {}


def _flows(drills: Sequence[DrillDone], runs: Sequence[RunEnded]) -> dict[str, LastResult]:
    found = {}
    for run in sorted(runs, key=lambda each: each.ended):
        exercise = ", an exercise" if run.exercise else ""
        found[run.verb] = LastResult(at=run.ended, said=f"{run.outcome}{exercise}", good=run.succeeded)
    for drill in sorted(drills, key=lambda each: each.finished):
        found["drill"] = LastResult(at=drill.finished, said=drill.verdict, good=drill.proven)
    return found


def _alerts(application: Application, environment: Environment) -> dict[str, LastResult]:
    fates = sorted(recent_alerts(environment, application.name).fates, key=lambda each: each.accepted.accepted)
    return {
        fate.accepted.alert: LastResult(at=fate.accepted.accepted, said=f"led to {fate.accepted.action}", good=None)
        for fate in fates
    }
