"""Open incidents or find the one that something belongs to, and record what people say of them."""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from continuity.adapters.records import Records
from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName
from continuity.domain.incident import (
    Acknowledged,
    Assessed,
    Chain,
    FollowUp,
    FollowUpDone,
    FollowUpKind,
    IncidentId,
    LevelChanged,
    Linked,
    Opened,
    Remark,
    Resolved,
    application_of,
)
from continuity.domain.incidents import FollowedUp, Incident, fold, in_order, worse
from continuity.domain.opening import belongs_to, opening_by_hand
from continuity.domain.records import Unreadable
from continuity.errors import ConfigurationRefused
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Operation
from continuity.steps.places import journals_of

logger = logging.getLogger(__name__)

OVER = "resolved"
"""The kind of record that says of an incident that it is over."""


@dataclass(frozen=True, kw_only=True)
class WrittenIncident:
    """What a person says of an incident that they open. Without `began` it begins now."""

    title: str
    level: Level
    by: str
    chain: Chain = Chain.TECHNICAL
    summary: str = ""
    began: datetime | None = None
    exercise: bool = False


@dataclass(frozen=True, kw_only=True)
class Incidents:
    """Incidents, the open ones first, and the records that could not be read."""

    incidents: tuple[Incident, ...]
    unreadable: tuple[Unreadable, ...] = ()


def records_of(environment: Environment) -> Records:
    """Open the records of an environment."""
    return Records(journals_of(environment))


def read_incidents(
    records: Records, application: ApplicationName, *, since: datetime | None = None, open_only: bool = False
) -> Incidents:
    """Read the incidents of an application that are open or began from `since` on. Changes nothing."""
    found: list[Incident] = []
    unreadable: list[Unreadable] = []
    for name, kinds in records.incidents(application):
        if OVER in kinds and (open_only or (since is not None and _began(name) < f"{since:%Y%m%dT%H%M%SZ}")):
            continue
        read = records.incident(name)
        unreadable += read.unreadable
        if incident := fold(read.records):
            found.append(incident)
    return Incidents(incidents=tuple(in_order(found)), unreadable=tuple(unreadable))


def find_incident(records: Records, incident: str) -> Incident:
    """Read one incident. Changes nothing.

    Raises:
        ConfigurationRefused: there is none of that id.

    """
    application = application_of(incident)
    found = fold(records.incident(IncidentId(incident)).records)
    if found is None:
        raise ConfigurationRefused(f"no incident {incident!r}", hint=f"See `continuity incidents {application}`.")
    return found


def open_or_join(records: Records, opened: Opened) -> tuple[IncidentId, bool]:
    """Open an incident, or add what would have opened it to the one that it belongs to; return which, and whether it is new.

    Called again for the same alert or run it changes nothing.
    """
    incidents = read_incidents(records, opened.application, open_only=True).incidents
    joined = belongs_to(opened, incidents)
    if joined is None:
        new = records.open(opened)
        if new:
            logger.info("opened incident=%s level=%s title=%r", opened.incident, opened.level, opened.title)
        return opened.incident, new
    if opened.refers and opened.refers not in joined.refers:
        records.note(Linked(incident=joined.id, at=opened.noticed, origin=opened.origin, refers=opened.refers))
    text = f"{opened.title}: {opened.summary}"
    if opened.summary and text not in {line.text for line in joined.timeline}:
        records.note(Remark(incident=joined.id, at=opened.noticed, by=opened.by, text=text))
    if worse(opened.level, joined.level):
        change_level(records, joined, opened.level, by=opened.by, because=opened.title, now=opened.noticed)
    return joined.id, False


def open_by_hand(environment: Environment, application: ApplicationName, said: WrittenIncident) -> IncidentId:
    """Open an incident by a person's word, or find the open one that has the same title.

    Raises:
        ConfigurationRefused: it has no title, or would begin in time to come.

    """
    now = datetime.now(UTC)
    began = (said.began or now).astimezone(UTC)
    if not said.title.strip():
        raise ConfigurationRefused("an incident needs a title", hint="Say in a line what is wrong.")
    if began > now:
        raise ConfigurationRefused(f"{began:%Y-%m-%d %H:%M:%S} UTC is to come", hint="Give a moment that has been.")
    opened = opening_by_hand(
        application,
        title=said.title.strip(),
        level=said.level,
        chain=said.chain,
        began=began,
        now=now,
        by=said.by,
        summary=said.summary.strip(),
        exercise=said.exercise or environment.incidents.exercise,
    )
    incident, _ = open_or_join(records_of(environment), opened)
    return incident


def link_run(records: Records, incident: IncidentId, linked: Linked) -> None:
    """Add a run to an incident, unless it is there. Called again it changes nothing."""
    if linked.refers not in find_incident(records, incident).refers:
        records.note(linked)


def acknowledge(records: Records, incident: str, *, by: str, via: str, now: datetime) -> Incident:
    """Record that somebody has taken it on: nobody else is asked from now on. The first word stands.

    Raises:
        ConfigurationRefused: there is no such incident, or no name is given.

    """
    found = find_incident(records, incident)
    name = _name(by)
    if found.acknowledged or found.resolved:
        return found
    said = Acknowledged(incident=found.id, at=now, by=name, via=via)
    records.note(said)
    logger.info("acknowledged incident=%s by=%r via=%s", found.id, name, via)
    return replace(found, acknowledged=said)


def resolve(records: Records, incident: str, *, because: str, by: str, ended: datetime, now: datetime) -> Incident:
    """Record that it is over, since `ended`. The first word stands.

    Raises:
        ConfigurationRefused: there is no such incident, no reason is given, or it would have ended before it began or in time
            to come.

    """
    found = find_incident(records, incident)
    if found.resolved:
        return found
    if not because.strip():
        raise ConfigurationRefused("the end of an incident needs a reason", hint="Say in --because what has ended it.")
    if not found.opened.began <= ended <= now:
        raise ConfigurationRefused(
            f"{found.id} cannot have ended at {ended:%Y-%m-%d %H:%M:%S} UTC: it began at"
            f" {found.opened.began:%Y-%m-%d %H:%M:%S} UTC, and it is {now:%Y-%m-%d %H:%M:%S} UTC",
            hint="Give --ended a moment between the two.",
        )
    said = Resolved(incident=found.id, at=now, ended=ended, by=_name(by), because=because.strip())
    records.note(said)
    logger.info("resolved incident=%s by=%r", found.id, said.by)
    return replace(found, resolved=said)


def change_level(records: Records, incident: Incident, level: Level, *, by: str, because: str, now: datetime) -> None:
    """Record that it is better or worse than it was taken for. The level that it has already changes nothing."""
    if level is not incident.level:
        records.note(LevelChanged(incident=incident.id, at=now, level=level, by=by, because=because))


def remark(records: Records, incident: str, text: str, *, by: str, now: datetime) -> None:
    """Add a line to the timeline.

    Raises:
        ConfigurationRefused: there is no such incident, or no text.

    """
    if not text.strip():
        raise ConfigurationRefused("a remark without a text says nothing", hint="Give the text.")
    records.note(Remark(incident=find_incident(records, incident).id, at=now, by=_name(by), text=text.strip()))


def assess(records: Records, said: Assessed) -> Incident:
    """Record what somebody knows of the cause and the damage.

    Raises:
        ConfigurationRefused: there is no such incident, or more users are affected than there are.

    """
    find_incident(records, said.incident)
    if said.users_affected is not None and said.users_total is not None and said.users_affected > said.users_total:
        raise ConfigurationRefused(
            f"{said.users_affected} of {said.users_total} users cannot be affected", hint="Look at the two numbers."
        )
    records.note(said)
    return find_incident(records, said.incident)


def follow_up(
    records: Records, incident: str, name: str, *, what: str, kind: FollowUpKind, owner: str, due: date, now: datetime
) -> FollowUp:
    """Record what is to be done so that it does not happen again; said again under its name, the newest word counts.

    Raises:
        ConfigurationRefused: there is no such incident, or it has no name, task or owner.

    """
    found = find_incident(records, incident)
    if not (name.strip() and what.strip() and owner.strip()):
        raise ConfigurationRefused(
            "a follow-up needs a name, what is to be done and an owner", hint="Give NAME, --what, --owner and --due."
        )
    wanted = FollowUp(incident=found.id, at=now, name=name.strip(), what=what.strip(), kind=kind, owner=owner.strip(), due=due)
    records.note(wanted)
    return wanted


def finish_follow_up(records: Records, incident: str, name: str, *, by: str, now: datetime) -> FollowedUp:
    """Record that a follow-up is done. The first word stands.

    Raises:
        ConfigurationRefused: there is no such incident or follow-up.

    """
    found = find_incident(records, incident)
    known = {each.follow_up.name: each for each in found.follow_ups}
    if name not in known:
        raise ConfigurationRefused(
            f"{incident} has no follow-up {name!r}", hint=f"Those there are: {', '.join(known) or 'none'}."
        )
    if known[name].done:
        return known[name]
    done = FollowUpDone(incident=found.id, at=now, name=name, by=_name(by))
    records.note(done)
    return replace(known[name], done=done)


def find_of(environment: Environment, application: ApplicationName, incident: str) -> Incident:
    """Read an incident of an application. Changes nothing.

    Raises:
        ConfigurationRefused: there is none of that id, or it is another application's.

    """
    if application_of(incident) != application:
        raise ConfigurationRefused(f"{incident} is none of {application}", hint=f"See `continuity incidents {application}`.")
    return find_incident(records_of(environment), incident)


def take_on(environment: Environment, incident: str, *, by: str, via: str, now: datetime) -> Incident:
    """Record that somebody has taken an incident on, as `acknowledge`."""
    return acknowledge(records_of(environment), incident, by=by, via=via, now=now)


def _began(incident: str) -> str:
    return incident.rsplit("-", 2)[1]


def _name(by: str) -> str:
    if not by.strip():
        raise ConfigurationRefused("it needs a name", hint="Say in --as who you are.")
    return by.strip()


OPEN_BY_HAND = Operation(name="open the incident", run=open_by_hand, retry=PATIENT)
FIND = Operation(name="read the incident", run=find_of, retry=PATIENT)
ACKNOWLEDGE = Operation(name="record who takes it on", run=take_on, retry=PATIENT)
