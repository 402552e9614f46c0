"""Writes a page as one HTML file by Jinja's templates, which escape every value (autoescape)."""

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from continuity.domain.page import Page, Text, moment, said
from continuity.domain.printable import printable

CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""What a browser may do with a page: nothing is fetched, nothing runs, and nothing is sent."""

SHORT_CHARACTERS = 20
"""A moment to the second is 19 long."""

_CODE = re.compile(r"`([^`]+)`")


def page_html(page: Page) -> str:
    """Write a page. It needs no other file, and a browser runs and fetches nothing for it."""
    return _templates().get_template("page.html.j2").render(page=page, policy=CONTENT_POLICY)


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("continuity.adapters.pages", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    templates.filters |= {"words": _words, "said": said, "breaking": _breaking, "moment": moment, "printable": printable}
    return templates


def _breaking(text: Text) -> str:
    """Say where a cell may break: nowhere where it is short, between words where those are short, else anywhere.

    A browser that may break anywhere makes columns as narrow as a letter; one that may not lets a long word push all else out.
    An empty one is left out where rows are cards.
    """
    shown = printable(said(text).text)
    if not shown:
        return "none"
    if len(shown) <= SHORT_CHARACTERS:
        return "short"
    return "words" if max(map(len, shown.split())) <= SHORT_CHARACTERS else ""


def _words(text: str) -> Markup:
    """Escape words, and show what stands between backticks as a command."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(printable(text)))))  # noqa: S704 -- escaped just before
