"""A review by the calendar: what has changed since the last one, what is open, what is not covered."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from continuity.domain.records import ReviewKind
from continuity.domain.review_page import review_page
from continuity.procedures.review import KEEP_REVIEW, READ_REVIEW
from flows.forms import ProtectedName
from flows.page_artifacts import publish_page
from flows.protection import protecting, scheduled_moment
from tasks.performing import perform_as_task


@flow(name="hold-review", flow_run_name="{kind} review of {application}", retries=0, persist_result=False)
def hold_review(application: ProtectedName, kind: ReviewKind = ReviewKind.WEEKLY) -> State[None]:
    """Hold a review of an application and record it, so that the next one can say what has changed.

    Running it again holds another one, which compares with this one.

    Args:
        application: What is reviewed. Nothing of it is changed.
        kind: Weekly looks at the risks first, monthly at everything that is not covered, quarterly at what it is worth.

    """
    with protecting(application) as (protected, environment):
        review = perform_as_task(READ_REVIEW, protected, environment, kind, now=scheduled_moment())
        page = review_page(review)
        publish_page(page, key=f"{protected.name}-{kind.value}-review")
        perform_as_task(KEEP_REVIEW, environment, review)
        return Completed(name="Held", message=page.lead.text)
