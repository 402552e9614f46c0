"""Follow-ups as pages show them: what is open, whose it is, and what is overdue."""

from datetime import UTC, date, datetime

from continuity.domain.incident import FollowUp
from continuity.domain.incidents import FollowedUp
from continuity.domain.page import Said, Table, Tone

OPEN, DONE = "☐", "☑"
COLUMNS = ("follow-up", "kind", "owner", "due")


def overdue_days(follow_up: FollowUp, *, now: datetime) -> int:
    """Return how many days a follow-up is overdue, 0 while it is not: its day counts until it has ended everywhere in UTC."""
    return max(0, (_day(now) - follow_up.due).days)


def follow_up_row(each: FollowedUp, *, now: datetime) -> tuple[Said | str, ...]:
    """Return a follow-up as a row of `COLUMNS`."""
    follow_up, late = each.follow_up, overdue_days(each.follow_up, now=now)
    if each.done:
        due = Said(text=f"done {_day(each.done.at)} by {each.done.by}", tone=Tone.GOOD)
    elif late:
        due = Said(text=f"{follow_up.due}, overdue by {late} d", tone=Tone.BAD)
    else:
        due = Said(text=str(follow_up.due))
    what = Said(text=follow_up.what, mark=DONE if each.done else OPEN, beneath=follow_up.name)
    return what, follow_up.kind.value, follow_up.owner, due


def follow_up_table(follow_ups: tuple[FollowedUp, ...], *, now: datetime) -> Table:
    """Lay follow-ups out, the open ones first, the earliest due before the others."""
    ordered = sorted(follow_ups, key=lambda each: (each.done is not None, each.follow_up.due, each.follow_up.name))
    return Table(columns=COLUMNS, rows=tuple(follow_up_row(each, now=now) for each in ordered))


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
