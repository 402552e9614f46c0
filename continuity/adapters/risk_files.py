"""`risks.toml` beside application.toml: the register of what may go wrong. A link to what is not there is refused."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

from pydantic import Field

from continuity.adapters.alert_files import load_routes
from continuity.domain.alerts import Level
from continuity.domain.application import Application
from continuity.domain.catalog import Kind
from continuity.domain.risks import Mitigation, Probability, Risk
from continuity.errors import ConfigurationRefused
from continuity.sections import Section, parse, read_toml

FILE = "risks.toml"

_Text = Annotated[str, Field(min_length=1)]


class _Mitigation(Section):
    what: _Text
    checks: tuple[_Text, ...] = ()
    flows: tuple[_Text, ...] = ()
    alerts: tuple[_Text, ...] = ()


class _Risk(Section):
    name: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,39}$")]
    title: _Text
    phase: str = ""
    level: Level
    probability: Probability
    impact: Level
    consequence: _Text
    owner: _Text
    closed: str = ""
    mitigation: Annotated[tuple[_Mitigation, ...], Field(min_length=1)]

    def risk(self) -> Risk:
        """Return it as the register has it."""
        mitigations = tuple(Mitigation(**each.model_dump()) for each in self.mitigation)
        return Risk(**self.model_dump(exclude={"mitigation"}), mitigations=mitigations)


class _RisksFile(Section):
    risk: tuple[_Risk, ...] = ()


def load_risks(folder: Path, application: Application, *, flows: Collection[str] | None) -> tuple[Risk, ...]:
    """Read the register of an application from the folder of applications; none where there is no such file.

    `flows` are those that are offered; None where who asks does not know them: then those links are not looked at.

    Raises:
        ConfigurationRefused: the file is wrong, or a risk names a phase, a check, a flow or an alert that is not there.

    """
    path = folder / application.name / FILE
    if not path.exists():
        return ()
    risks = tuple(each.risk() for each in parse(_RisksFile, read_toml(path), source=path).risk)
    names = [risk.name for risk in risks]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigurationRefused(f"{path} has two risks of the name {min(twice)!r}", hint="Rename one of them.")
    alerts = [route.alert for route in load_routes(folder) if route.application == application.name]
    for risk in risks:
        if risk.phase:
            _refuse_unknown(path, risk, "phase", [risk.phase], [phase.name for phase in application.phases])
        for each in risk.mitigations:
            _refuse_unknown(path, risk, "check", each.checks, checks_of(application))
            _refuse_unknown(path, risk, "alert", each.alerts, alerts)
            if flows is not None:
                _refuse_unknown(path, risk, "flow", each.flows, flows)
    return risks


def checks_of(application: Application) -> tuple[str, ...]:
    """Name the checks that a mitigation may link to: the application's own, and what every restore is compared by."""
    own = [each.name for each in application.rules]
    own += [each.name for each in application.tests]
    own += [each.name for each in application.queries]
    return (*own, *(kind.value for kind in Kind))


def _refuse_unknown(path: Path, risk: Risk, what: str, linked: Sequence[str], known: Collection[str]) -> None:
    for name in linked:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise ConfigurationRefused(
                f"{path}: risk {risk.name!r} names the {what} {name!r}, which the application does not have"
                + (f", did you mean {near[0]!r}?" if near else ""),
                hint=f"Known: {', '.join(known) or 'none'}.",
            )
