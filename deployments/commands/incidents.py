"""Incidents: what there is, what people say of them, and who is told."""

from datetime import UTC, date, datetime
from getpass import getuser
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from continuity.domain.alerts import Level
from continuity.domain.incident import Chain, FollowUpKind
from deployments.commands.where import HERE, Where

if TYPE_CHECKING:
    from continuity.adapters.records import Records
    from continuity.settings import Environment

NOT_NEGATIVE = Parameter(validator=Number(gte=0))
Name = Annotated[str, Parameter(name="--as", help="Who says it; default: the user of this terminal.")]


def incidents(application: str, *, where: Where = HERE) -> int:
    """List the incidents of an application, the open ones first."""
    from continuity.procedures.incidents import read_incidents, records_of
    from deployments.telling.incidents import tell_incidents

    terminal, (protected, environment) = where.terminal(), where.load(application)
    return tell_incidents(terminal, protected.name, read_incidents(records_of(environment), protected.name))


def incident(  # noqa: PLR0913 -- everything that a person says of one
    what: Annotated[str, Parameter(help="An application, to open one; or the id of one, to show it.")],
    *,
    title: str = "",
    level: Level | None = None,
    chain: Chain = Chain.TECHNICAL,
    began: datetime | None = None,
    summary: str = "",
    because: Annotated[str, Parameter(help="With an id and --level: why it is better or worse.")] = "",
    remark: Annotated[str, Parameter(help="With an id: a line for its timeline.")] = "",
    exercise: Annotated[bool, Parameter(negative="")] = False,
    name: Name = "",
    where: Where = HERE,
) -> int:
    """Open an incident by hand with --title and --level; with an id, show one, change its --level or add a --remark."""
    from continuity.errors import ConfigurationRefused
    from continuity.procedures.incidents import WrittenIncident, find_incident, open_by_hand, records_of
    from deployments.telling.incidents import tell_incident

    if "-incident-" in what:
        return _go_on_with(what, level, because=because, remark=remark, by=name or getuser(), where=where)
    protected, environment = where.load(what)
    if not title.strip() or level is None:
        raise ConfigurationRefused(
            "an incident needs a title and a level",
            hint=f'`continuity incident {what} --title "bookings fail" --level high`, or `continuity incidents {what}`.',
        )
    said = WrittenIncident(
        title=title, level=level, chain=chain, summary=summary, began=began, exercise=exercise, by=name or getuser()
    )
    known = open_by_hand(environment, protected.name, said)
    _tell_people(environment, known)
    return tell_incident(where.terminal(), find_incident(records_of(environment), known), now=datetime.now(UTC))


def _go_on_with(incident: str, level: Level | None, *, because: str, remark: str, by: str, where: Where) -> int:
    """Show an incident after what is said of it, if anything is."""
    from continuity.errors import ConfigurationRefused
    from continuity.procedures.incidents import change_level, find_incident, records_of
    from continuity.procedures.incidents import remark as add_remark
    from deployments.telling.incidents import tell_incident

    environment, now = where.load_environment(), datetime.now(UTC)
    records = records_of(environment)
    found = find_incident(records, incident)
    if level and not because.strip():
        raise ConfigurationRefused("another level needs a reason", hint="Say in --because what has changed.")
    if remark:
        add_remark(records, incident, remark, by=by, now=now)
    if level:
        change_level(records, found, level, by=by, because=because.strip(), now=now)
        _tell_people(environment, incident)
    return tell_incident(where.terminal(), find_incident(records, incident), now=now)


def acknowledge(incident: str, *, name: Name = "", where: Where = HERE) -> int:
    """Take an incident on: nobody else is asked from now on. The first word stands."""
    from continuity.procedures.incidents import acknowledge as take_on
    from deployments.telling.incidents import tell_incident

    now = datetime.now(UTC)
    found = take_on(_records(where), incident, by=name or getuser(), via="command", now=now)
    return tell_incident(where.terminal(), found, now=now)


def resolve(incident: str, *, because: str, ended: datetime | None = None, name: Name = "", where: Where = HERE) -> int:
    """Say that an incident is over, since --ended or now. Everyone who was told is told. The first word stands."""
    from continuity.procedures.incident_report import keep_incident_report, read_incident_report
    from continuity.procedures.incidents import find_incident, records_of
    from continuity.procedures.incidents import resolve as end
    from deployments.telling.incidents import tell_incident

    environment, now = where.load_environment(), datetime.now(UTC)
    records = records_of(environment)
    end(records, incident, because=because, by=name or getuser(), ended=(ended or now).astimezone(UTC), now=now)
    _tell_people(environment, incident)
    keep_incident_report(environment, read_incident_report(environment, incident, now=now))
    return tell_incident(where.terminal(), find_incident(records, incident), now=now)


def assess(  # noqa: PLR0913 -- the columns of the report
    incident: str,
    *,
    root_cause: str | None = None,
    users_affected: Annotated[int | None, NOT_NEGATIVE] = None,
    users_total: Annotated[int | None, NOT_NEGATIVE] = None,
    rows_lost: Annotated[int | None, NOT_NEGATIVE] = None,
    revenue_hours: Annotated[float | None, NOT_NEGATIVE] = None,
    went_well: tuple[str, ...] = (),
    to_improve: tuple[str, ...] = (),
    process_change: tuple[str, ...] = (),
    risk: Annotated[str | None, Parameter(help="The entry of risks.toml that has come true.")] = None,
    name: Name = "",
    where: Where = HERE,
) -> int:
    """Say what is known of an incident's cause and damage. Of what is said twice, the newest word counts."""
    from continuity.domain.incident import Assessed, IncidentId
    from continuity.procedures.incidents import assess as record
    from deployments.telling.incidents import tell_incident

    now = datetime.now(UTC)
    said = Assessed(
        incident=IncidentId(incident), at=now, by=name or getuser(), root_cause=root_cause, users_affected=users_affected,
        users_total=users_total, rows_lost=rows_lost, revenue_hours=revenue_hours, went_well=went_well, to_improve=to_improve,
        process_changes=process_change, risk=risk,
    )  # fmt: skip
    return tell_incident(where.terminal(), record(_records(where), said), now=now)


def follow_up(  # noqa: PLR0913 -- everything that makes one
    incident: str,
    task: Annotated[str, Parameter(help="Short and unique within the incident.")],
    *,
    what: str = "",
    kind: FollowUpKind = FollowUpKind.TECHNICAL,
    owner: str = "",
    due: date | None = None,
    done: Annotated[bool, Parameter(negative="")] = False,
    name: Name = "",
    where: Where = HERE,
) -> int:
    """Say what is to be done so that an incident does not happen again, by whom and until when; or that it is --done."""
    from continuity.errors import ConfigurationRefused
    from continuity.procedures.incidents import find_incident, finish_follow_up
    from continuity.procedures.incidents import follow_up as record
    from deployments.telling.incidents import tell_incident

    records, now = _records(where), datetime.now(UTC)
    if done:
        finish_follow_up(records, incident, task, by=name or getuser(), now=now)
    elif due is None:
        raise ConfigurationRefused("a follow-up needs a day until which it is done", hint="Give --due 2026-12-24, or --done.")
    else:
        record(records, incident, task, what=what, kind=kind, owner=owner, due=due, now=now)
    return tell_incident(where.terminal(), find_incident(records, incident), now=now)


def _records(where: Where) -> "Records":
    from continuity.procedures.incidents import records_of

    return records_of(where.load_environment())


def _tell_people(environment: "Environment", incident: str) -> None:
    from continuity.domain.incident import IncidentId
    from continuity.procedures.escalating import escalate

    escalate(environment, IncidentId(incident))
