"""Tell people of an incident: whom its level or its chain names, each on the first of their channels that takes it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from continuity.adapters.messages import write_message
from continuity.adapters.notices import deliver
from continuity.domain.incident import Told
from continuity.domain.notice import Notice
from continuity.domain.people import People, addressees
from continuity.notice_settings import NoticesSection
from continuity.settings import Environment


def announce(
    notice: Notice,
    people: People,
    environment: Environment,
    *,
    told: Sequence[Told] = (),
    patience_seconds: float | None = None,  # noqa: ARG001 -- promised, and not kept yet
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[Told, ...]:
    """Tell everybody whom a notice is for, and return every attempt. `told` is what was recorded of this incident before.

    Never raises over a channel: one that refuses, hangs or is not known comes back as an attempt with its reason, without an
    address. The last attempt of somebody whom nothing has reached carries the text. Returns within `patience_seconds`, where
    they are given; what is not known by then counts as not delivered, and may still arrive. Called twice, people read it twice.
    """
    section = environment.notices or NoticesSection()
    recipients = addressees(people, notice.message, level=notice.level, chain=notice.chain, step=notice.step, told=told)
    messages = {
        audience: write_message(notice, audience, link=section.link or "")
        for audience in sorted({each.audience for each in recipients})
    }
    return deliver(notice, recipients, messages, section, clock=clock)
