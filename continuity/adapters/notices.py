"""Delivers messages over channels whose addresses are secrets."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from continuity.adapters.secrets import read_secret
from continuity.domain.incident import Told
from continuity.domain.notice import Message, Notice
from continuity.domain.people import Audience, Recipient
from continuity.errors import ConfigurationRefused
from continuity.notice_settings import NoticesSection


def deliver(
    notice: Notice,
    recipients: Sequence[Recipient],
    messages: Mapping[Audience, Message],
    section: NoticesSection,
    *,
    clock: Callable[[], datetime],
) -> tuple[Told, ...]:
    """Send each recipient the message of its audience over the first of its channels that takes it; return every attempt."""
    attempts: list[Told] = []
    for recipient in recipients:
        for number, channel in enumerate(recipient.channels, start=1):
            refused = _send(channel, messages[recipient.audience], section)
            told = Told(
                incident=notice.incident,
                at=clock(),
                message=notice.message,
                audience=recipient.audience,
                to=recipient.name,
                channel=channel,
                delivered=not refused,
                because=refused,
                text=messages[recipient.audience].text if refused and number == len(recipient.channels) else "",
            )
            attempts.append(told)
            if told.delivered:
                break
    return tuple(attempts)


def _send(channel: str, message: Message, section: NoticesSection) -> str:
    """Send a message; return why it was not delivered, or ""."""
    if channel not in section.channels:
        return f"the environment has no channel {channel!r}"
    try:
        address = read_secret(channel, section.channels[channel])
    except ConfigurationRefused as error:
        return error.message
    from apprise import Apprise

    plugin = Apprise.instantiate(address)
    if plugin is None:
        return "its address cannot be used"
    return "" if plugin.notify(body=message.text, title=message.subject) else "the channel refused it"
