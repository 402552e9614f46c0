"""How well it has gone, and what may go wrong. Both read only."""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from deployments.commands.where import HERE, Where


def measures(
    application: str,
    *,
    since: Annotated[str, Parameter(help="First moment, as 2026-11-01 or 2026-11-01T00:00+01:00; default: 90 days before.")] = "",
    until: Annotated[str, Parameter(help="First moment that is out of it again; default: now.")] = "",
    exercises: Annotated[bool, Parameter(negative="", help="Of drills, rehearsals and exercises, in place of the real.")] = False,
    where: Where = HERE,
) -> int:
    """Measure a period by its records, each number with its objective, formula and source. Without a zone moments are UTC."""
    from continuity.domain.measures import USUAL_PERIOD
    from continuity.domain.moments import read_moment
    from continuity.procedures.measuring import measure_application
    from deployments.telling.measures import tell_measures

    terminal, (protected, environment), now = where.terminal(), where.load(application), datetime.now(UTC)
    last = read_moment(until) or now
    first = read_moment(since) or last - USUAL_PERIOD
    measured = measure_application(protected, environment, since=first, until=last, exercise=exercises, now=now)
    return tell_measures(terminal, protected.name, measured, exercise=exercises)


def risks(application: str, *, where: Where = HERE) -> int:
    """Show what may go wrong, worst first: matrix, stated level, what incidents say, mitigations with their last result."""
    from continuity.adapters.risk_files import load_risks
    from continuity.procedures.register import weigh_register
    from deployments.offers import OFFERS
    from deployments.telling.risks import tell_risks

    terminal, (protected, environment) = where.terminal(), where.load(application)
    described = load_risks(environment.applications, protected, flows=[offer.name for offer in OFFERS])
    weighed = weigh_register(protected, environment, described, now=datetime.now(UTC))
    return tell_risks(terminal, protected.name, weighed)
