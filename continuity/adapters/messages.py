"""Writes a notice in the words of an audience. Every value is made harmless as it is written: no template can forget it."""

from collections.abc import Collection
from datetime import UTC, datetime, tzinfo
from functools import cache, partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from continuity.domain.application import ApplicationName
from continuity.domain.incident import IncidentId
from continuity.domain.neutral import neutral, neutral_subject
from continuity.domain.notice import LINES_TOLD, Message, Notice, facts, moment
from continuity.domain.people import Audience
from continuity.domain.reports import duration

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).with_name("message_templates")


def write_message(
    notice: Notice, audience: Audience, *, link: str = "", zone: tzinfo = UTC, hidden: Collection[str] = ()
) -> Message:
    """Write what an audience reads of a notice.

    `link` is the base address of the page that acknowledges, or ""; `hidden` are secrets that must not be shown. A template may
    write values of the notice, and nothing that it has put together itself as HTML.
    """
    context = {
        "notice": notice,
        "facts": tuple(facts(notice, zone)),
        "done": notice.done[-LINES_TOLD:],
        "left_out": max(0, len(notice.done) - LINES_TOLD),
        "page": _Link(acknowledge_url(link, notice.incident, notice.answer)) if link else "",
        "command": _Link(f"continuity acknowledge {notice.incident} --as NAME"),
        "moment": partial(moment, zone=zone),
        "lasted": duration((notice.ended or notice.at) - notice.began),
    }
    subject = _template("subject.txt.j2", tuple(sorted(hidden))).render(context)
    return Message(
        subject=neutral_subject(subject, hidden=hidden),
        text=_template(f"{audience}.txt.j2", tuple(sorted(hidden))).render(context).strip(),
        html=_template(f"{audience}.html.j2", tuple(sorted(hidden))).render(context).strip(),
    )


def write_trial(application: ApplicationName, *, by: str, at: datetime) -> Message:
    """Write the message that tries a channel."""
    text = f"{neutral(by)} tries the channels of {application}, {moment(at, UTC)}. Nothing has happened."
    return Message(subject=f"Trial: messages about {application} arrive here", text=text, html=f"<p>{escape(text)}</p>")


def acknowledge_url(base: str, incident: IncidentId, answer: str = "") -> str:
    """Return where people acknowledge an incident: a page that asks them, since some mail readers open every link."""
    return f"{base.rstrip('/')}/incidents/{incident}{'?' if answer else ''}{answer}"


class _Link(str):
    """An address or a command of this system: it stays as it is, but for HTML's escapes."""

    __slots__ = ()


@cache
def _template(name: str, hidden: tuple[str, ...]) -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    def harmless(value: Any) -> Any:
        return str(value) if isinstance(value, _Link) else neutral(str(value), hidden=hidden)

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=name.endswith(".html.j2"),
        undefined=StrictUndefined,
        finalize=harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
