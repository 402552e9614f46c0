"""Delivers messages to people: all of them at once, each over the first of their channels that takes it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from continuity.adapters.channels import Answer, send
from continuity.domain.incident import Told
from continuity.domain.notice import Message, Notice
from continuity.domain.people import Audience, Recipient
from continuity.notice_settings import NoticesSection


def deliver(
    notice: Notice,
    recipients: Sequence[Recipient],
    messages: Mapping[Audience, Message],
    section: NoticesSection,
    *,
    patience_seconds: float | None = None,
    clock: Callable[[], datetime],
) -> tuple[Told, ...]:
    """Send each recipient the message of its audience over the first of its channels that takes it; return every attempt.

    The last attempt for somebody whom no channel has reached carries the text. Those of whom nothing is known after
    `patience_seconds` count as not reached; their messages may still arrive, for as long as this process lives.
    """
    one_round = _Round(messages, section)
    heard: SimpleQueue[tuple[int, Told | None]] = SimpleQueue()
    for number, recipient in enumerate(recipients):
        Thread(target=_climb, args=(number, recipient, one_round, notice, clock, heard), name="notice", daemon=True).start()
    told, waiting = _listen(heard, len(recipients), patience_seconds)
    for number in waiting:
        recipient = recipients[number]
        if len(told[number]) == len(recipient.channels):
            continue
        late = Answer(refused=f"not known to have arrived after {patience_seconds:g} s")
        told[number].append(_told(notice, recipient, recipient.channels[len(told[number])], late, clock()))
    return tuple(
        each for number, recipient in enumerate(recipients) for each in _kept(told[number], messages[recipient.audience])
    )


class _Round:
    """One message to many: a channel that several people share gets each audience's words once."""

    def __init__(self, messages: Mapping[Audience, Message], section: NoticesSection) -> None:
        self._messages, self._section = messages, section
        self._answers: dict[tuple[Audience, str], Future[Answer]] = {}
        self._lock = Lock()

    def reach(self, audience: Audience, channel: str) -> Answer:
        """Send an audience's message over a channel, or wait for what it has answered to whoever came first."""
        with self._lock:
            known = self._answers.get((audience, channel))
            answer = known or self._answers.setdefault((audience, channel), Future())
        if known is None:
            try:
                said = send(channel, self._messages[audience], self._section)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the next channel has to be tried
                said = Answer(refused=f"sending failed with {type(error).__name__}")
            answer.set_result(said)
        return answer.result()


def _climb(
    number: int,
    recipient: Recipient,
    one_round: _Round,
    notice: Notice,
    clock: Callable[[], datetime],
    heard: "SimpleQueue[tuple[int, Told | None]]",
) -> None:
    """Try the channels of one recipient in their order; None says that this was all."""
    try:
        for channel in recipient.channels:
            answer = one_round.reach(recipient.audience, channel)
            heard.put((number, _told(notice, recipient, channel, answer, clock())))
            if answer.delivered:
                break
    finally:
        heard.put((number, None))


def _listen(
    heard: "SimpleQueue[tuple[int, Told | None]]", count: int, patience_seconds: float | None
) -> tuple[list[list[Told]], list[int]]:
    """Return what was tried for each recipient, and the numbers of those who are still being tried when patience ends."""
    deadline = None if patience_seconds is None else time.monotonic() + patience_seconds
    told: list[list[Told]] = [[] for _ in range(count)]
    waiting = list(range(count))
    while waiting:
        try:
            number, attempt = heard.get(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))
        except Empty:
            break
        if attempt is None:
            waiting.remove(number)
        else:
            told[number].append(attempt)
    return told, [number for number in waiting if not any(each.delivered for each in told[number])]


def _told(notice: Notice, recipient: Recipient, channel: str, answer: Answer, at: datetime) -> Told:
    return Told(
        incident=notice.incident,
        at=at,
        message=notice.message,
        audience=recipient.audience,
        to=recipient.name,
        channel=channel,
        delivered=answer.delivered,
        because=answer.refused,
    )


def _kept(attempts: Sequence[Told], message: Message) -> Iterator[Told]:
    """Keep the text with the last attempt where none has gone through."""
    yield from attempts[:-1]
    for last in attempts[-1:]:
        yield last if last.delivered else replace(last, text=message.text)
