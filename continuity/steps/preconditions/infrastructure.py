"""What making the infrastructure needs, looked at without planning anything."""

from collections.abc import Iterator

from continuity.domain.application import Application
from continuity.domain.checks import Check
from continuity.errors import ContinuityError
from continuity.settings import Environment
from continuity.steps.infrastructure import terraform_of
from continuity.steps.preconditions.answers import failed

OLDEST_VERSION = (1, 5)


def check_infrastructure(application: Application, environment: Environment) -> tuple[Check, ...]:
    """Look at terraform, its configuration and its state. Changes nothing there; providers may be fetched to this machine."""
    if environment.terraform is None:
        detail = "the environment names none: whoever recovers makes it by hand"
        return (Check(name="infrastructure", passed=True, detail=detail, hint="Set `[terraform] directory`."),)
    try:
        return tuple(_checks(application, environment))
    except ContinuityError as error:
        return (failed("infrastructure", error),)


def _checks(application: Application, environment: Environment) -> Iterator[Check]:
    terraform = terraform_of(environment, application.name)
    version = terraform.version()
    known = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    yield Check(
        name="terraform",
        passed=known >= OLDEST_VERSION,
        detail=f"version {version}",
        hint="" if known >= OLDEST_VERSION else "Install 1.5 or newer: older plans lack what is judged.",
    )
    terraform.prepare()
    state = terraform.state()
    told = f"state {state.lineage}, written {state.serial} times" if state.lineage else "no state yet"
    yield Check(name="infrastructure", passed=True, detail=f"{terraform.section.directory} is ready: {told}")
    pinned = terraform.pinned
    yield Check(
        name="providers",
        passed=True,
        detail="are pinned" if pinned else "are not pinned: a recovery may meet versions that nobody has tried",
        hint="" if pinned else "Run `terraform providers lock` there, and commit .terraform.lock.hcl.",
    )
