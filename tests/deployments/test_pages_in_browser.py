"""The three kinds of page in a real browser: on a phone, dark, in print, with foreign text in every field."""

import pytest

from continuity.adapters.pages.html import page_html
from continuity.domain.incident_page import incident_page
from continuity.domain.records import ReviewKind
from continuity.domain.review import hold_review
from continuity.domain.review_page import review_page
from continuity.domain.status_page import status_page
from tests.fixtures.page_scenes import HOSTILE, incident_report, overview, rollback_part

PHONE = {"width": 360, "height": 740}
LEAST_CONTRAST = 4.5  # Web Content Accessibility Guidelines 2.2, 1.4.3

CONTRASTS = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = parts(colour).slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if ((parts(colour)[3] ?? 1) === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length || element.tagName === "title") continue;
    const style = getComputedStyle(element);
    const words = element.closest("svg") ? style.fill : style.color;
    const [high, low] = [light(words), light(ground(element))].sort((a, b) => b - a);
    found.push([(high + 0.05) / (low + 0.05), walker.currentNode.data.trim().slice(0, 40), words, ground(element)]);
  }
  return found;
}"""


def pages(text=""):
    report = incident_report(text=text or "the release wrote empty prices", runs=(rollback_part(failed=text),))
    seen = overview(text=text)
    return {
        "incident": incident_page(report),
        "status": status_page(seen),
        "review": review_page(hold_review(ReviewKind.WEEKLY, seen)),
    }


@pytest.fixture
def look(browser, tmp_path):
    """Open a page as a file, and return it with every request that it has made and every script's word."""
    contexts = []

    def open_page(page, **settings):
        file = tmp_path / "page.html"
        file.write_text(page_html(page))
        context = browser.new_context(**settings)
        contexts.append(context)
        opened = context.new_page()
        said: list[str] = []
        opened.on("request", lambda request: said.append(request.url))
        opened.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        opened.on("console", lambda message: said.append(message.text))
        opened.goto(file.as_uri())
        return opened, [each for each in said if each not in {file.as_uri(), "data:,"}]

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("kind", ["incident", "status", "review"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("text", ["", HOSTILE], ids=["usual", "hostile"])
def test_a_page_fits_a_phone_is_readable_and_fetches_nothing(look, kind, scheme, text):
    page, said = look(pages(text)[kind], viewport=PHONE, color_scheme=scheme)

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    measured = page.evaluate(CONTRASTS)
    assert len(measured) > 50
    assert min(measured)[0] >= LEAST_CONTRAST, min(measured)
    assert page.locator("script, img, iframe, object, form, a[href]").count() == 0
    assert said == []


def test_a_laptop_shows_tables_and_the_drawing_within_the_page(look):
    page, _ = look(pages(HOSTILE)["review"], viewport={"width": 1000, "height": 800})

    assert page.evaluate("document.documentElement.scrollWidth") <= 1000
    drawing = page.locator("svg").bounding_box()
    dots = [each.bounding_box() for each in page.locator("svg circle").all()]
    assert len(dots) > 5
    for dot in dots:
        assert drawing["x"] <= dot["x"]
        assert dot["x"] + dot["width"] <= drawing["x"] + drawing["width"]
        assert drawing["y"] <= dot["y"]
        assert dot["y"] + dot["height"] <= drawing["y"] + drawing["height"]


def test_nothing_rests_on_a_colour_and_print_is_black_on_white(look):
    page, _ = look(pages()["status"], viewport={"width": 1000, "height": 800}, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")

    for tone, sign in {"good": "✓", "look": "!", "bad": "✗"}.items():
        for each in page.locator(f"dd.{tone}, li.{tone}, td.{tone}, p.{tone}, .tile.{tone}").all():
            assert sign in each.inner_text()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert min(page.evaluate(CONTRASTS))[0] >= LEAST_CONTRAST
