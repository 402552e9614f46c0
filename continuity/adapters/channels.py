"""Sends one message over one channel by apprise, or into a folder. Its address is a secret: it is in no reason, log or value."""

import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread, get_ident
from typing import TYPE_CHECKING

from continuity.adapters.new_files import PRIVATE, NewFile, write_new_files
from continuity.adapters.secrets import read_secret
from continuity.domain.notice import Message
from continuity.errors import ConfigurationRefused, ContinuityError
from continuity.notice_settings import NoticesSection

if TYPE_CHECKING:
    from apprise import NotifyBase

PAUSE_SECONDS = 0.5
"""Between two attempts on one channel."""
_MAIL = {"mailto", "mailtos"}
"""Schemes of apprise that take a whole page of HTML. Other plugins say HTML and mean a few tags of it."""
_TOO_MANY, _THEIR_FAULT = 429, 500


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a channel has said to a message: nothing, where it has taken it."""

    refused: str = ""
    """Why it was not delivered: words of a closed list and a status. What the library says may hold the address."""
    transient: bool = False

    @property
    def delivered(self) -> bool:
        """Whether the channel has taken it."""
        return not self.refused


def send(channel: str, message: Message, section: NoticesSection) -> Answer:
    """Send a message over a channel of the environment, again where that may help; never raises.

    Takes `attempts` times `attempt_seconds` at the most, and a pause between them. A channel that has given no answer in time is
    not tried again: it may have taken the message, and the time is better spent on the next channel.
    """
    if section.sink:
        return _write(section.sink, channel, message)
    if channel not in section.channels:
        return Answer(refused=f"the environment has no channel {channel!r}")
    try:
        address = read_secret(channel, section.channels[channel])
    except ConfigurationRefused as error:
        return Answer(refused=error.message)
    _silence()
    for attempt in range(1, section.attempts + 1):
        answer = _within(section.attempt_seconds, lambda: _attempt(address, message, section.attempt_seconds))
        if answer.delivered or not answer.transient or attempt == section.attempts:
            break
        time.sleep(PAUSE_SECONDS)
    return answer if answer.delivered or attempt == 1 else Answer(refused=f"{answer.refused}, {attempt} times")


def check_channel(channel: str, section: NoticesSection) -> str:
    """Return what is wrong with a channel, without sending anything; "" where nothing is."""
    if section.sink:
        return ""
    if channel not in section.channels:
        return f"the environment has no channel {channel!r}"
    try:
        address = read_secret(channel, section.channels[channel])
    except ConfigurationRefused as error:
        return error.message
    _silence()
    heard = _Hearing()
    with heard:
        known = _plugin(address, section.attempt_seconds) is not None
    return "" if known else "its address is none that apprise knows"


def _within(seconds: float, attempt: Callable[[], Answer]) -> Answer:
    """Wait so long for an attempt. One that hangs is left to itself: a daemon's thread keeps no process from ending."""
    answers: SimpleQueue[Answer] = SimpleQueue()
    Thread(target=lambda: answers.put(attempt()), name="notice", daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except Empty:
        return Answer(refused=f"gave no answer within {seconds:g} s")


def _attempt(address: str, message: Message, seconds: float) -> Answer:
    from apprise import Apprise, NotifyFormat

    heard = _Hearing()
    with heard:
        try:
            plugin = _plugin(address, seconds)
            if plugin is None:
                return Answer(refused="its address is none that apprise knows")
            as_html = bool(message.html) and address.partition(":")[0].lower() in _MAIL
            sender = Apprise(asset=plugin.asset)
            sender.add(plugin)
            delivered = sender.notify(
                body=message.html if as_html else message.text,
                title=message.subject,
                body_format=NotifyFormat.HTML if as_html else NotifyFormat.TEXT,
            )
        except Exception as error:  # noqa: BLE001 -- of a hundred plugins; its text and traceback may hold the address
            return Answer(refused=f"its plugin failed with {type(error).__name__}")
    return Answer() if delivered else heard.reason()


def _plugin(address: str, seconds: float) -> "NotifyBase | None":
    """Open a channel's address; None where it is none. Options in the address may not make a failure look like a success."""
    from apprise import Apprise, AppriseAsset, OverflowMode, PersistentStoreMode

    asset = AppriseAsset(
        app_id="Continuity",
        app_desc="Continuity",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,  # in this thread, whose log is listened to
        storage_mode=PersistentStoreMode.MEMORY.value,
    )
    plugin = Apprise.instantiate(address, asset=asset)
    if plugin is not None:
        plugin.optional = False
        plugin.retry = 0
        plugin.overflow_mode = OverflowMode.SPLIT
        # Later than our own limit, so that one who is late is told as late; and the thread that is left ends by itself.
        plugin.socket_connect_timeout = plugin.socket_read_timeout = seconds + 1
    return plugin


class _Hearing:
    """What apprise and its libraries log in this thread: heard for the reason, and kept from every log."""

    threads: dict[int, list[str]] = {}  # noqa: RUF012 -- by thread, which ends its own entry

    def __enter__(self) -> None:
        self._said = self.threads[get_ident()] = []

    def __exit__(self, *_: object) -> None:
        del self.threads[get_ident()]

    def reason(self) -> Answer:
        """Return why a message was refused, as far as it can be told without an address."""
        said = " ".join(self._said)
        if status := re.search(r"error=(\d{3})\b", said):
            code = int(status[1])
            return Answer(refused=f"answered {code}", transient=code == _TOO_MANY or code >= _THEIR_FAULT)
        if "onnection error" in said:
            return Answer(refused="could not be reached", transient=True)
        return Answer(refused="refused the message")


class _Silence(logging.Filter):
    """Drops what is logged in a thread that sends: addresses and paths of webhooks are in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = _Hearing.threads.get(record.thread or 0)
        if said is not None and record.levelno >= logging.WARNING:
            said.append(record.getMessage())
        return said is None


_SILENCE = _Silence()
_TALKERS = ("apprise", "urllib3.connectionpool", "urllib3.util.retry", "requests")


def _silence() -> None:
    for name in _TALKERS:
        logging.getLogger(name).addFilter(_SILENCE)  # the same filter is added once


def _write(folder: Path, channel: str, message: Message) -> Answer:
    """Write a message into a folder, as a file for people and one for programs."""
    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{channel}-{secrets.token_hex(2)}"
    document = {"channel": channel, "subject": message.subject, "text": message.text, "html": message.html}
    try:
        write_new_files(
            [
                NewFile(path=folder / f"{stem}.txt", text=f"{message.subject}\n\n{message.text}\n", mode=PRIVATE),
                NewFile(path=folder / f"{stem}.json", text=json.dumps(document, ensure_ascii=False), mode=PRIVATE),
            ]
        )
    except ContinuityError as error:
        return Answer(refused=error.message)
    return Answer()
