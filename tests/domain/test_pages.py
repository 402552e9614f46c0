"""What the status page, a review and the report of an incident say, as values and as Markdown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from markdown_it import MarkdownIt

from continuity.domain.alerts import Level
from continuity.domain.chart import BOTTOM, TOP, Timed, chart_durations
from continuity.domain.coverage import Prepared, find_gaps
from continuity.domain.follow_ups import overdue_days
from continuity.domain.incident_page import incident_page
from continuity.domain.incident_report import Milestone, report_incident
from continuity.domain.incidents import fold
from continuity.domain.page import Page, Said, Tone
from continuity.domain.page_markdown import page_markdown
from continuity.domain.printable import MOST_CHARACTERS, printable
from continuity.domain.records import ReviewKind, Unreadable
from continuity.domain.review import LENGTHS, hold_review
from continuity.domain.review_page import review_page
from continuity.domain.risks import Mitigation, Probability, Risk, weigh
from continuity.domain.status import assess
from continuity.domain.status_page import status_page
from tests.fixtures.page_scenes import (
    BEGAN,
    HOSTILE,
    incident_records,
    incident_report,
    minutes,
    opened,
    overview,
    review_record,
    rollback_part,
    shop,
)
from tests.fixtures.point_builders import NOW, make_point

HOURS = timedelta(hours=1)


def make_risk(name, *, level=Level.HIGH, checks=()):
    mitigation = Mitigation(what="somebody looks", checks=checks)
    return Risk(
        name=name,
        title="a risk",
        phase="",
        level=level,
        probability=Probability.MEDIUM,
        impact=Level.CRITICAL,
        consequence="",
        owner="Ada",
        mitigations=(mitigation,),
    )


def every_page(text=""):
    report = incident_report(text=text or "empty prices", runs=(rollback_part(failed=text or "no lock within 5 s"),))
    seen = overview(text=text)
    return [incident_page(report), status_page(seen), *(review_page(hold_review(kind, seen)) for kind in ReviewKind)]


def test_a_report_tells_what_happened_in_its_order_from_records_alert_and_journal():
    report = incident_report()

    told = [line.text for line in report.timeline]
    assert told.index("alert BookingsFail began to fire") < told.index("opened as critical: bookings fail after release 2.4.1")
    assert told.index("stop shop-app") < told.index("swap the databases") < told.index("rollback ended: done")
    assert [line.at for line in report.timeline] == sorted(line.at for line in report.timeline)
    assert dict(report.milestones) == {
        Milestone.NOTICED: BEGAN + minutes(2),
        Milestone.TOLD: BEGAN + minutes(3),
        Milestone.TAKEN_ON: BEGAN + minutes(6),
        Milestone.MITIGATED: BEGAN + minutes(5),
        Milestone.OVER: BEGAN + minutes(38),
    }


def test_a_report_says_what_it_cost_and_where_each_figure_is_from():
    report = incident_report()
    page = page_markdown(incident_page(report))

    assert report.lasted == minutes(38)
    # From the first intent to stop, 5.5 min after the beginning, to the health check's answer, four steps of 4.25 min later.
    assert report.not_served_seconds == 17 * 60
    assert "| nobody was served for | 17.0 min (from the first stop" in page
    assert "| rows lost | ! 37 (counted by the run that replaced the database) |" in page
    assert "| users affected | 214 of 18,400 (1.16%) |" in page


def test_what_nobody_has_said_is_asked_for_by_a_command_to_paste():
    report = incident_report(over=False, runs=())
    page = page_markdown(incident_page(report))

    assert f"not said yet: `continuity assess {report.incident.id} --root-cause TEXT`" in page
    assert "not over yet, 2 h 50 min by now; Ada Lovelace is at it" in page
    assert f"`continuity assess {report.incident.id} --rows-lost N` (no run has counted them)" in page
    assert "| nobody was served for | not known: no journal tells of a stop |" in page


def test_a_persons_word_on_lost_rows_counts_before_what_a_run_has_counted():
    records = incident_records()
    assessed = next(each for each in records if hasattr(each, "rows_lost"))
    report = incident_report()
    said = fold([replace(each, rows_lost=0) if each is assessed else each for each in records])

    assert report.rows_lost == 37
    again = report_incident(said, runs=report.runs, now=NOW)
    assert (again.rows_lost, again.rows_counted) == (0, False)


def test_open_follow_ups_come_first_and_overdue_ones_are_marked():
    [table] = next(each for each in incident_page(incident_report()).sections if each.title == "Follow-up actions").blocks

    dues = [row[3] for row in table.rows]
    assert dues[0] == Said(text="2026-11-20, overdue by 4 d", tone=Tone.BAD)
    assert dues[1] == Said(text="2026-12-01")
    assert dues[2].text.startswith("done 2026-11-24 by Grace Hopper")
    assert [row[0].mark for row in table.rows] == ["☐", "☐", "☑"]


def test_a_follow_up_is_not_overdue_while_its_day_lasts_in_utc():
    due = next(each for each in incident_records() if getattr(each, "name", "") == "copy-test")
    assert overdue_days(due, now=datetime(2026, 11, 20, 23, 59, tzinfo=UTC)) == 0
    # It is the 21st in Kiritimati, and still the 20th in UTC.
    assert overdue_days(due, now=datetime(2026, 11, 21, 10, tzinfo=timezone(14 * HOURS))) == 0
    assert overdue_days(due, now=datetime(2026, 11, 21, 0, 0, tzinfo=UTC)) == 1


def test_a_step_that_failed_and_what_could_not_be_read_are_in_the_report():
    unreadable = (Unreadable(key="shop-hold-1", because="the journal lacks entry 3"),)
    report = incident_report(runs=(rollback_part(failed="no lock within 5 s"),), unreadable=unreadable)
    page = page_markdown(incident_page(report))

    assert "| ✗ swap the databases: failed: no lock within 5 s | ada\\@laptop |" in page
    assert "✗ shop-hold-1: the journal lacks entry 3" in page
    assert report.not_served_seconds is None


def test_the_status_page_has_the_last_proven_point_first_and_what_is_promised_beside_it():
    page = status_page(overview())

    assert page.tiles[0].name == "last proven point"
    assert page.tiles[0].value == Said(text="5 h old", tone=Tone.GOOD, beneath="shop-20261124T070000Z; at most 1 d may be lost")
    assert page.tiles[1].value == Said(text="55 min 40 s", tone=Tone.GOOD, beneath="it may take 4 h")
    assert page.tiles[2].value.text == "1"
    assert page.lead == Said(text="1 incident is open: pages are slow", tone=Tone.BAD)


def test_a_status_page_of_nothing_proven_says_so_and_promises_nothing():
    seen = overview(points=(), incidents=(), drills=(), gaps=(), measures=(), exercises=())
    page = status_page(seen)

    assert page.lead.tone is Tone.BAD
    assert [tile.value.text for tile in page.tiles] == ["none", "not known", "0", "nothing to drill"]
    assert "✗ no drill is on record" in page_markdown(page)


def test_measures_stand_beside_their_formula_and_one_of_too_few_records_is_no_number():
    markdown = page_markdown(status_page(overview()))

    assert "mean time to recover (mean of ended - began over critical incidents that are over) | ✓ 38 min" in markdown
    assert "| ✗ 20 min (3 incidents) | not measured | ≤ 15 min |" in markdown
    assert "too few records (watched for 3 h, it takes 1 d) | not measured | ≥ 99.9 % |" in markdown
    # One of one is no proof of 99 %: the value stands there, and nothing says that it is enough.
    assert "| 100 % (at least 5 %; 3 incidents) |" in markdown


def test_a_review_says_what_has_changed_since_the_last_one_of_its_kind():
    held = hold_review(ReviewKind.WEEKLY, overview())

    said = [each.text for each in held.changes]
    assert held.since == NOW - timedelta(days=7)
    assert "no longer covered: media is not protected in full" in said
    assert "covered again: no register of risks" in said
    assert "mean time to recover: was 1 h 6 min, is 38 min" in said
    assert "mean time to detect: was not known, is 20 min" in said
    assert "done: name the release in the runbook" in said
    assert len(held.drills) == 8
    assert held.record.unprotected == ("media is not protected in full", "nothing mitigates the risk key-person")
    assert held.record.measures["exercise: mttr"] == 1100.0


def test_a_review_that_follows_at_once_has_nothing_to_say():
    first = hold_review(ReviewKind.MONTHLY, overview())
    later = overview(reviews=(first.record,), now=NOW + timedelta(minutes=1), drills=(), runs=())

    held = hold_review(ReviewKind.MONTHLY, later)

    assert held.previous == first.record
    assert held.changes == ()


@pytest.mark.parametrize("kind", ReviewKind)
def test_a_first_review_looks_back_over_its_usual_period_and_says_that_it_compares_with_nothing(kind):
    held = hold_review(kind, overview(reviews=(), incidents=()))

    assert held.since == NOW - LENGTHS[kind]
    assert "this is the first review of its kind" in page_markdown(review_page(held))


def test_a_review_of_another_kind_and_one_from_the_future_are_not_compared_with():
    reviews = (review_record(ReviewKind.MONTHLY), review_record(days=-1))

    assert hold_review(ReviewKind.WEEKLY, overview(reviews=reviews)).previous is None


def test_an_incident_of_an_exercise_is_no_news_of_a_review():
    exercise = fold([opened(began=NOW - minutes(30), exercise=True)])

    held = hold_review(ReviewKind.WEEKLY, overview(incidents=(exercise,), reviews=()))

    assert held.changes == ()
    assert next(tile.value.text for tile in review_page(held).tiles if tile.name == "incidents") == "0"


def test_what_is_not_covered_is_red_and_has_its_remedy():
    status = assess([], shop().objectives, damaged=1, now=NOW)
    prepared = Prepared(people=False, risks=(make_risk("key-person"), make_risk("covered", checks=("no double booking",))))
    gaps = find_gaps(shop(), status, prepared, media="media is not protected: no replica holds its bytes")

    assert [gap.what for gap in gaps] == [
        "no recovery point is proven",
        "documents of the vault cannot be read",
        "media is not protected",
        "nobody knows how long a recovery takes",
        "no health check: a run cannot tell whether the application works",
        "no test of the application's own journeys",
        "no business rule: bad data in good tables is not found",
        "nobody can be told of an incident: there is no people.toml",
        "no check, flow or alert mitigates the risk key-person",
    ]
    assert all(gap.remedy for gap in gaps)
    assert "- ✗ no recovery point is proven (To do: `continuity backup shop`)" in page_markdown(status_page(overview(gaps=gaps)))


def test_files_that_cannot_be_used_are_gaps_with_their_reason():
    status = assess([make_point()], shop().objectives, damaged=0, now=NOW)
    prepared = Prepared(people=False, people_refused="people.toml names no role 'lead'", risks_refused="risks.toml: no such key")
    gaps = {gap.what: gap.detail for gap in find_gaps(shop(), status, prepared)}

    assert gaps["who is told of an incident is not known"] == "people.toml names no role 'lead'"
    assert gaps["the register of risks cannot be read"] == "risks.toml: no such key"
    assert "no register of risks" not in gaps


def test_a_review_shows_where_the_stated_level_and_the_matrix_disagree_and_what_incidents_suggest():
    seen = overview()
    register = weigh([make_risk("key-person", level=Level.CRITICAL)], seen.incidents, until=NOW)

    markdown = page_markdown(review_page(hold_review(ReviewKind.WEEKLY, replace(seen, risks=register))))

    assert "| a risk (key-person) | critical | ! high | 0 incidents in 365 days: medium, as stated | Ada |" in markdown
    assert "### Nobody has said which risk has come true" in markdown


def test_a_drill_of_seconds_and_an_objective_of_hours_are_on_one_scale():
    chart = chart_durations(
        [
            Timed(at=NOW - timedelta(days=2), seconds=4, good=True, name="sound"),
            Timed(at=NOW, seconds=5 * 3600, good=False, name="unfaithful"),
        ],
        title="drills",
        objective=4 * HOURS,
    )

    short, long = chart.points
    assert TOP <= long.down < chart.objective.down < short.down <= BOTTOM
    assert (short.across, long.across) == (15.0, 97.0)
    assert [line.label for line in chart.grid] == ["1 s", "10 s", "1 min", "10 min", "1 h", "6 h"]
    assert chart.told == "2 from 2026-11-22 to 2026-11-24, the longest 5 h, 1 of them not proven; the objective is 4 h"


def test_a_chart_of_one_drill_and_one_beyond_every_scale_are_drawn_and_none_is_no_chart():
    [alone] = chart_durations([Timed(at=NOW, seconds=0.2, good=True)], title="drills", objective=None).points
    [beyond] = chart_durations([Timed(at=NOW, seconds=1e9, good=True)], title="drills", objective=None).points

    assert (alone.across, alone.down) == (56.0, BOTTOM)
    assert beyond.down == TOP
    assert chart_durations([], title="drills", objective=4 * HOURS) is None


@pytest.mark.parametrize("number", range(5), ids=["incident", "status", *ReviewKind])
def test_foreign_text_makes_no_link_image_tag_or_heading_in_markdown(number):
    markdown = page_markdown(every_page(HOSTILE)[number])
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(markdown)

    everything = [*tokens, *(child for token in tokens for child in token.children or ())]
    assert {token.type for token in everything}.isdisjoint({"link_open", "image", "html_inline", "html_block", "fence"})
    headings = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    assert "heading" not in headings
    assert not any(ord(letter) < 32 and letter != "\n" for letter in markdown)
    assert "\u202e" not in markdown


def test_commands_between_backticks_stay_commands_and_names_stay_readable():
    page = Page(title="t", lead=Said(text="see `continuity status a|b`, table public.feature_flags"), written=NOW, source="s")

    assert "**see `continuity status a\\|b`, table public.feature_flags**" in page_markdown(page)


def test_text_that_does_not_end_is_cut():
    assert printable("a\r\n\x1b[0m b") == "a [0m b"
    assert len(printable("x" * 10 * MOST_CHARACTERS)) == MOST_CHARACTERS + 1
