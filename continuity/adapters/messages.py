"""Writes a notice in the words of an audience."""

from continuity.domain.notice import Message, Notice
from continuity.domain.people import Audience


def write_message(notice: Notice, audience: Audience, *, link: str) -> Message:
    """Write what an audience reads of a notice. `link` is the base address of the page that acknowledges, or ""."""
    subject = f"[{notice.level}] {notice.application}: {notice.message} {notice.incident}"
    text = "\n".join(filter(None, [subject, f"for {audience}", f"{link}/incidents/{notice.incident}" if link else ""]))
    return Message(subject=subject, text=text, html="")
