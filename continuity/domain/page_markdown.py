"""A page as Markdown (GitHub's): for Prefect's artifacts and tickets. Foreign text makes no link, tag or image in it."""

import re
from collections.abc import Iterator

from continuity.domain.chart import Chart
from continuity.domain.page import Block, Bullets, Facts, Page, Paragraph, Table, Text, Tile, Tiles, moment, said
from continuity.domain.printable import printable

_CODE = re.compile(r"`([^`]+)`")
_ACTIVE = re.compile(r"[\\`*\[\]<>|~&]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
"""What means something to Markdown; a stroke within a word does not (GitHub Flavored Markdown, section 6.2)."""
_LINKS = re.compile(r":(?=//)|@|(?<=www)\.|(?<=mailto):|(?<=xmpp):", re.IGNORECASE)
"""What makes a link, or calls somebody, by itself (section 6.9)."""
_LEADING = re.compile(r"^(?=[#>+=-])|^(\d+)(?=[.)](?:\s|$))")
POINTS = 10
"""Of a chart's points, so many of the newest are listed."""


def page_markdown(page: Page) -> str:
    """Write a page."""
    tags = " · ".join(_text(tag) for tag in page.tags)
    parts = [f"# {_escaped(page.title)}", tags, f"**{_text(page.lead)}**", *_tiles(page.tiles)]
    for section in page.sections:
        parts += [f"## {_escaped(section.title)}", *(written for block in section.blocks for written in _block(block))]
    parts.append(f"Written {moment(page.written)}: {_escaped(page.source)}")
    return "\n\n".join(filter(None, parts)) + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Tiles():
            yield from _tiles(block.items)
        case Facts():
            yield from _table(("what", "value"), tuple((name, value) for name, value in block.items.items()), frozenset())
        case Table():
            yield from _table(block.columns, block.rows, block.right)
        case Bullets():
            yield f"### {_escaped(block.title)}" if block.title else ""
            yield "\n".join(f"- {_text(item)}" for item in block.items)
        case Paragraph():
            yield _text(block.text)
        case Chart():
            yield f"{_escaped(block.title)}: {_escaped(block.told)}"
            points = (f"- {'✓' if point.good else '✗'} {_escaped(point.told)}" for point in reversed(block.points[-POINTS:]))
            yield "\n".join(points)


def _tiles(items: tuple[Tile, ...]) -> Iterator[str]:
    if items:
        yield from _table(("what", "value"), tuple((tile.name, tile.value) for tile in items), frozenset())


def _table(columns: tuple[str, ...], rows: tuple[tuple[Text, ...], ...], right: frozenset[int]) -> Iterator[str]:
    head = " | ".join(map(_escaped, columns))
    rule = " | ".join("---:" if number in right else "---" for number in range(len(columns)))
    lines = [" | ".join(map(_text, row)) for row in rows]
    yield "\n".join(f"| {line} |" for line in (head, rule, *lines))


def _text(text: Text) -> str:
    words = said(text)
    told = f"{words.sign} {_escaped(words.text)}".strip()
    return f"{told} ({_escaped(words.beneath)})" if words.beneath else told


def _escaped(text: str) -> str:
    """Leave commands between backticks as they are, and make everything else mean itself."""
    shown = printable(text)
    parts, end = [], 0
    for code in _CODE.finditer(shown):
        command = code[0].replace("|", r"\|")
        parts += [_plain(shown[end : code.start()]), command]
        end = code.end()
    return _LEADING.sub(r"\1\\", "".join([*parts, _plain(shown[end:])]))


def _plain(text: str) -> str:
    return _LINKS.sub(r"\\\g<0>", _ACTIVE.sub(r"\\\g<0>", text))
