"""Hold a review: read what has changed, and keep what was seen, so that the next one can compare."""

from datetime import datetime

from continuity.adapters.pages.files import keep_page
from continuity.domain.application import Application
from continuity.domain.records import ReviewKind
from continuity.domain.review import LENGTHS, HeldReview, hold_review, review_period
from continuity.domain.review_page import review_page
from continuity.procedures.incidents import records_of
from continuity.procedures.overview import read_overview
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Operation
from continuity.steps.places import journals_of

PERIODS_LOOKED_BACK = 3
"""A review that is older than so many periods of its kind is no base to compare with: then the next one is a first one."""


def read_review(application: Application, environment: Environment, kind: ReviewKind, *, now: datetime) -> HeldReview:
    """Hold a review of what there is now. Changes nothing.

    Raises:
        VaultError: the vault cannot be reached.

    """
    overview = read_overview(
        application,
        environment,
        since=now - PERIODS_LOOKED_BACK * LENGTHS[kind],
        now=now,
        measured_since=lambda reviews: review_period(kind, reviews, now=now)[1],
    )
    return hold_review(kind, overview)


def keep_review(environment: Environment, review: HeldReview) -> str:
    """Record a review and keep its page, and return the page's key. The same review a second time changes nothing."""
    records_of(environment).keep(review.record)
    name = review.overview.application.name
    return keep_page(
        journals_of(environment), f"{name}/reports/reviews/{review.kind.value}-{review.until:%Y%m%dT%H%M%SZ}", review_page(review)
    )


READ_REVIEW = Operation(name="read what has changed", run=read_review, retry=PATIENT)
KEEP_REVIEW = Operation(name="keep the review", run=keep_review, retry=PATIENT)
"""Harmless when it is done again: records and pages are created once."""
