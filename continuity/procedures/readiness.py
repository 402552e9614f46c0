"""Look at everything that a backup, a drill, a rollback, a recovery and messages would need, without doing any of them."""

import random
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from continuity.adapters.points import Listing
from continuity.domain.application import Application
from continuity.domain.checks import Check
from continuity.domain.choice import ByRule, choose_for_drill, choose_for_rollback
from continuity.errors import ConfigurationRefused, ContinuityError, UnsafeOperation
from continuity.procedures.drill import LIST_POINTS
from continuity.settings import Environment
from continuity.steps.operation import Operation, Perform
from continuity.steps.preconditions.answers import failed
from continuity.steps.preconditions.backup import check_backup
from continuity.steps.preconditions.drill import check_drill, check_first_drill, check_key_opens
from continuity.steps.preconditions.infrastructure import check_infrastructure
from continuity.steps.preconditions.notices import check_notices
from continuity.steps.preconditions.recovery import check_recovery
from continuity.steps.preconditions.release import check_release
from continuity.steps.preconditions.rollback import check_rollback


class ReadyFor(StrEnum):
    """What somebody may want to be ready for."""

    BACKUP = "backup"
    DRILL = "drill"
    ROLLBACK = "rollback"
    RECOVERY = "recovery"
    NOTICES = "notices"


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """Whether a purpose could be served now, by its checks."""

    purpose: ReadyFor
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """What is missing."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def warnings(self) -> tuple[Check, ...]:
        """What works, and should be better."""
        return tuple(check for check in self.checks if check.passed and check.hint)


def look_at_everything(
    application: Application,
    environment: Environment,
    *,
    purposes: Collection[ReadyFor] = tuple(ReadyFor),
    probe: bool = False,
    perform: Perform,
) -> tuple[Readiness, ...]:
    """Check what each purpose needs. Changes nothing; with `probe`, a small object is written to the vault to try it.

    Without it, that the vault refuses to write twice is not tried: only a write can show that.
    """
    ready: list[Readiness] = []
    if ReadyFor.BACKUP in purposes:
        checks = perform(CHECK_BACKUP, application, environment, probe=probe)
        ready.append(Readiness(purpose=ReadyFor.BACKUP, checks=checks))
    if ReadyFor.DRILL in purposes:
        ready.append(Readiness(purpose=ReadyFor.DRILL, checks=_drill(application, environment, perform)))
    if ReadyFor.ROLLBACK in purposes:
        checks = perform(CHECK_ROLLBACK, application, environment) + perform(CHECK_RELEASE, application)
        ready.append(Readiness(purpose=ReadyFor.ROLLBACK, checks=checks))
    if ReadyFor.RECOVERY in purposes:
        ready.append(Readiness(purpose=ReadyFor.RECOVERY, checks=_recovery(application, environment, perform)))
    if ReadyFor.NOTICES in purposes:
        ready.append(Readiness(purpose=ReadyFor.NOTICES, checks=perform(CHECK_NOTICES, application, environment)))
    return tuple(ready)


def _recovery(application: Application, environment: Environment, perform: Perform) -> tuple[Check, ...]:
    infrastructure = perform(CHECK_INFRASTRUCTURE, application, environment)
    try:
        listing: Listing = perform(LIST_POINTS, application, environment)
    except ContinuityError as error:
        return (*infrastructure, failed("recovery point", error))
    try:
        chosen = choose_for_rollback(listing.points, "latest")
    except UnsafeOperation as error:
        # Before the first proven point nothing could be recovered, and nothing can be looked at.
        return (*infrastructure, Check(name="recovery point", passed=True, detail=error.message, hint=error.hint))
    manifest = chosen.point.manifest
    return (
        *infrastructure,
        Check(name="recovery point", passed=True, detail=f"{manifest.id}, {chosen.because}"),
        *perform(CHECK_RECOVERY, manifest, application, environment),
    )


def _drill(application: Application, environment: Environment, perform: Perform) -> tuple[Check, ...]:
    try:
        listing: Listing = perform(LIST_POINTS, application, environment)
    except ContinuityError as error:
        return (failed("recovery point", error), *perform(CHECK_FIRST_DRILL, application, environment))
    try:
        chosen = choose_for_drill(listing.points, ByRule.LATEST, pick=random.choice)
    except ConfigurationRefused:
        none = Check(name="recovery point", passed=True, detail="there is none yet: looking at what the first one would need")
        return (none, *perform(CHECK_FIRST_DRILL, application, environment))
    manifest = chosen.point.manifest
    return (
        Check(name="recovery point", passed=True, detail=f"{manifest.id}, {chosen.because}"),
        *perform(CHECK_DRILL, manifest, environment),
        perform(CHECK_KEY, manifest, environment),
    )


CHECK_BACKUP = Operation(name="check what a backup needs", run=check_backup)
CHECK_DRILL = Operation(name="check what a drill needs", run=check_drill)
CHECK_FIRST_DRILL = Operation(name="check what the first drill will need", run=check_first_drill)
CHECK_INFRASTRUCTURE = Operation(name="check what the infrastructure needs", run=check_infrastructure)
CHECK_RECOVERY = Operation(name="check what a recovery needs", run=check_recovery)
CHECK_KEY = Operation(name="open a stored object", run=check_key_opens)
CHECK_NOTICES = Operation(name="check what telling people needs", run=check_notices)
CHECK_RELEASE = Operation(name="check what building a release needs", run=check_release)
CHECK_ROLLBACK = Operation(name="check what a rollback needs", run=check_rollback)
