"""Carry out what is due of incidents: whoever is alive sends, each message once, and nothing that is due is forgotten."""

import logging
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from continuity.adapters.people_files import load_people
from continuity.adapters.processes import mark
from continuity.adapters.records import Records
from continuity.domain.escalation import RETAKEN_AFTER, Timetable, Turn, after, next_turn, timetable_of
from continuity.domain.incident import IncidentId, Taken, Told, application_of
from continuity.domain.incident_notice import notice_of
from continuity.domain.incidents import Incident, fold
from continuity.domain.people import People
from continuity.procedures.incidents import records_of
from continuity.procedures.notices import announce
from continuity.settings import Environment

logger = logging.getLogger(__name__)

Tell = Callable[[Incident, Turn, Timetable], Sequence[Told]]
"""Sends one message to all whom it is for, and returns what each channel has said."""

_children: list[subprocess.Popen[bytes]] = []


def carry_on(
    records: Records,
    incident: IncidentId,
    *,
    timetable: Callable[[Incident], Timetable],
    tell: Tell,
    by: str,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    retaken_after: timedelta = RETAKEN_AFTER,
) -> datetime | None:
    """Send what is due of an incident, and return when the next message is; None where none is, as things stand.

    Several processes may do this at the same time: a message is taken, by a record that is created once, before it is sent.
    Killed in between, the message is sent by another one after `retaken_after`.

    Raises:
        VaultError: the records cannot be read or written: nothing is sent that is not recorded as taken.

    """
    while (seen := fold(records.incident(incident).records)) is not None:
        times = timetable(seen)
        turn = next_turn(seen, times, retaken_after=retaken_after)
        if turn is None or turn.due > clock():
            return turn.due if turn else None
        taken = Taken(incident=incident, at=clock(), message=turn.message, step=turn.step, by=by, attempt=turn.attempt)
        if not records.take(taken):
            continue
        logger.info("telling incident=%s message=%s step=%d attempt=%d", incident, turn.message, turn.step, turn.attempt)
        for told in tell(seen, turn, times):
            records.note(told)
        for following in after(turn, times, taken):
            records.note(following)
    return None


def escalate(environment: Environment, incident: IncidentId) -> datetime | None:
    """Send what is due of an incident to its application's people, and return when the next message is.

    Raises:
        ConfigurationRefused: people.toml is wrong.
        VaultError: as `carry_on`.

    """
    application = application_of(incident)
    people = load_people(environment.applications, application)

    def tell(seen: Incident, turn: Turn, timetable: Timetable) -> Sequence[Told]:
        notice = notice_of(seen, turn, timetable, now=datetime.now(UTC))
        return announce(notice, people or People(application=application), environment, told=seen.told)

    return carry_on(
        records_of(environment),
        incident,
        timetable=lambda seen: timetable_of(people, seen),
        tell=tell,
        by=mark(),
        retaken_after=timedelta(seconds=environment.incidents.retaken_seconds),
    )


def escalate_in_background(environment: Environment, incident: IncidentId) -> None:
    """Start a process that sends what is due of an incident now, and wait for nothing.

    What it has come to is in the records; what it does not live to send, whoever looks next does.
    """
    _children[:] = [child for child in _children if child.poll() is None]
    child = subprocess.Popen(  # noqa: S603 -- this program again
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _children.append(child)
    # By a pipe: the environment has secrets, which neither argv nor variables may show. It is shorter than a pipe holds.
    if child.stdin:
        child.stdin.write(pickle.dumps((environment, incident)))
        child.stdin.close()


if __name__ == "__main__":
    escalate(*pickle.loads(sys.stdin.buffer.read()))  # noqa: S301 -- written by the process that has started this one
