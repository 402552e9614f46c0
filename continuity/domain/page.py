"""A page for people: what it says, apart from how it looks.

The status page, a review and the report of an incident are made of these values. `domain/page_markdown.py` writes them as
Markdown and `adapters/pages` as HTML, so foreign text is neutralised in two places and not in each page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar

from continuity.domain.chart import Chart


class Tone(StrEnum):
    """What words mean for the reader. Each but the plain one has a mark, so that nothing rests on a colour."""

    PLAIN = "plain"
    GOOD = "good"
    LOOK = "look"
    BAD = "bad"

    @property
    def mark(self) -> str:
        """The sign that stands before the words."""
        return {Tone.PLAIN: "", Tone.GOOD: "✓", Tone.LOOK: "!", Tone.BAD: "✗"}[self]


@dataclass(frozen=True, kw_only=True)
class Said:
    """Words with their tone; `beneath` is a smaller line that explains them, `mark` stands instead of the tone's own."""

    text: str
    tone: Tone = Tone.PLAIN
    beneath: str = ""
    mark: str = ""

    @property
    def sign(self) -> str:
        """The mark that stands before the words, or ""."""
        return self.mark or self.tone.mark


Text = str | Said
"""What stands between backticks is shown as a command or an identifier."""


def said(text: Text) -> Said:
    """Return words as words with a tone."""
    return text if isinstance(text, Said) else Said(text=text)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A figure that is read from across the room, under its name."""

    name: str
    value: Said


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """The few figures that matter most."""

    kind: ClassVar[str] = "tiles"
    items: tuple[Tile, ...]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Names with their values."""

    kind: ClassVar[str] = "facts"
    items: Mapping[str, Text]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under headings; on a narrow screen each row is a card."""

    kind: ClassVar[str] = "table"
    columns: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]
    right: frozenset[int] = frozenset()
    """Columns of figures, from 0."""


@dataclass(frozen=True, kw_only=True)
class Bullets:
    """A list, under a smaller heading where it has one."""

    kind: ClassVar[str] = "bullets"
    items: tuple[Text, ...]
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A paragraph."""

    kind: ClassVar[str] = "paragraph"
    text: Text


Block = Tiles | Facts | Table | Bullets | Paragraph | Chart


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page under its heading."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A whole page, the most important first. `lead` answers the question for which it is opened."""

    title: str
    lead: Said
    tiles: tuple[Tile, ...] = ()
    sections: tuple[Section, ...] = ()
    written: datetime
    source: str
    """What it was made from, for whoever doubts it."""
    tags: tuple[Said, ...] = field(default=())
    """A few words beside the title: level, state, exercise."""


def count(number: int, noun: str) -> str:
    """Say how many there are of something."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def moment(at: datetime) -> str:
    """Say a moment to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
