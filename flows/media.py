"""The media rollback: plan, approval by a person, the bucket as it was at a moment, and what was left to others."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State

from continuity.domain.media_plan import MediaWish
from continuity.domain.media_rollback import Change
from continuity.procedures.media import make_media_plan
from flows.carrying import approve_and_carry_out
from flows.forms import KeyPrefix, Moment, ProtectedName
from flows.protection import protecting
from tasks.performing import perform_as_task


@flow(name="roll-back-media", flow_run_name="roll back media of {application}", retries=0, persist_result=False)
def roll_back_media(
    application: ProtectedName,
    to: Moment,
    prefix: KeyPrefix = "",
    deletes: bool = True,  # noqa: FBT001, FBT002 -- a box of the form
    overwrites: bool = True,  # noqa: FBT001, FBT002 -- as above
    additions: bool = False,  # noqa: FBT001, FBT002 -- as above
) -> State[None]:
    """Bring the media bucket back to what it held at a moment. No version of any file is deleted, and undo is exact.

    Running it again makes a new plan: what an earlier run has done is in the bucket's history, and the journal excludes a
    second run.

    Args:
        application: Whose media. Nothing is done before a person has approved the plan.
        to: The last moment at which the files were good, for example 2026-11-24T03:00:00+01:00; without a zone it is UTC.
        prefix: Only keys that begin with this. Empty: all that belong to the application.
        deletes: Bring back what was deleted since.
        overwrites: Bring back the former version of what was overwritten since.
        additions: Hide what was added since, also what users have uploaded in good faith.

    """
    chosen = {Change.DELETES: deletes, Change.OVERWRITES: overwrites, Change.ADDITIONS: additions}
    with protecting(application) as (protected, environment):
        wish = MediaWish.written(to=to, prefix=prefix, changes=[change for change, wanted in chosen.items() if wanted])
        waiting = make_media_plan(protected, environment, wish, perform=perform_as_task, now=datetime.now(UTC))
        return approve_and_carry_out(protected, environment, waiting)
