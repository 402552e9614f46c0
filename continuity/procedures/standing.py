"""Find out how an application stands, from the vault alone: points, drills, open runs, what a recovery would take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from continuity.adapters.points import Listing
from continuity.domain.application import Application
from continuity.domain.media_replica import unprotected
from continuity.domain.recovery_time import predict_recovery
from continuity.domain.stages import Stage
from continuity.domain.status import Status, assess
from continuity.errors import ContinuityError
from continuity.settings import Environment
from continuity.steps.places import points_of


@dataclass(frozen=True, kw_only=True)
class Assessed:
    """How an application stands, and what that was read from. `runs_unknown` says why the open runs are not known."""

    listing: Listing
    status: Status
    runs_unknown: str = ""


def assess_application(application: Application, environment: Environment, *, now: datetime, with_runs: bool = False) -> Assessed:
    """Read the points, and `with_runs` the journals too, and assess them. Changes nothing.

    Raises:
        VaultError: the points cannot be read. A journal that cannot is told of in what needs a look.

    """
    store = points_of(environment, application.name)
    listing = store.listing(catalogs=False)
    listing = replace(listing, damaged=listing.damaged + store.acceptances().damaged)
    runs: Sequence[str] = ()
    measured: Mapping[Stage, float] = {}
    unknown = ""
    if with_runs:
        # Commands that only show points are called often, and need none of this.
        from continuity.steps.open_runs import open_runs
        from continuity.steps.recovery_times import read_recovery_times

        try:
            runs = open_runs(application, environment)
            measured = read_recovery_times(environment, application.name)
        except ContinuityError as error:
            # The age of the last proven point is wanted all the more when a journal is damaged.
            unknown = error.message
    newest = max(listing.points, key=lambda state: state.manifest.created, default=None)
    replica = environment.media.replica_bucket
    status = assess(
        listing.points,
        application.objectives,
        damaged=len(listing.damaged),
        open_runs=runs,
        unknown=unknown,
        unprotected=unprotected(application, newest.manifest, replica=replica) if newest else "",
        prediction=predict_recovery(
            listing.points,
            measured,
            uses_cluster=application.uses_cluster,
            builds_infrastructure=environment.terraform is not None,
        ),
        now=now,
    )
    return Assessed(listing=listing, status=status, runs_unknown=unknown)
