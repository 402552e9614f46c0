"""What people say of points and findings: distrust, pins and acceptance."""

from datetime import UTC, datetime
from difflib import get_close_matches

from continuity.domain.application import Application
from continuity.domain.recovery_point import Distrust, Pin, RecoveryPointId, application_of
from continuity.domain.releases import BadImage
from continuity.domain.verdict import Acceptance, Axis
from continuity.domain.workloads import digest_in
from continuity.errors import ConfigurationRefused, NotStored
from continuity.settings import Environment
from continuity.steps.places import points_of


def distrust_point(environment: Environment, point: str, *, because: str, by: str, now: datetime) -> Distrust:
    """Mark a point as holding bad data. Doing it again keeps the first reason.

    Raises:
        ConfigurationRefused: there is no such point, or no reason is given.

    """
    if not because.strip():
        raise ConfigurationRefused("distrust needs a reason", hint="Say in --because what is wrong with the data.")
    store = points_of(environment, application_of(point))
    mark = Distrust(point=RecoveryPointId(point), because=because.strip(), by=by, at=now)
    try:
        store.distrust(mark)
    except NotStored as error:
        raise ConfigurationRefused(f"no recovery point {point!r}", hint="See `continuity points`.") from error
    return mark


def mark_bad_image(
    application: Application, environment: Environment, image: str, *, because: str, by: str, now: datetime
) -> BadImage:
    """Mark an image as one that must not run again. Doing it again keeps the first reason.

    Raises:
        ConfigurationRefused: the reference is no digest, or no reason is given.

    """
    if not digest_in(image):
        raise ConfigurationRefused(f"{image!r} names no image by digest", hint="Give REPOSITORY@sha256:….")
    if not because.strip():
        raise ConfigurationRefused("distrust needs a reason", hint="Say in --because what is wrong with the image.")
    mark = BadImage(application=application.name, image=image, because=because.strip(), by=by, at=now)
    points_of(environment, application.name).mark_image(mark)
    return mark


def pin_point(environment: Environment, point: str, *, because: str, by: str, now: datetime) -> Pin:
    """Keep a point from expiring. Doing it again keeps the first reason.

    Raises:
        ConfigurationRefused: there is no such point (any more), or no reason is given.

    """
    if not because.strip():
        raise ConfigurationRefused("a pin needs a reason", hint="Say in --because what the point is kept for.")
    pin = Pin(point=RecoveryPointId(point), because=because.strip(), by=by, at=now)
    try:
        points_of(environment, application_of(point)).pin(pin)
    except NotStored as error:
        raise ConfigurationRefused(f"no recovery point {point!r}: {error.message}", hint="See `continuity points`.") from error
    return pin


def unpin_point(environment: Environment, point: str) -> RecoveryPointId:
    """Let a pinned point expire by rule again. Doing it again changes nothing.

    Raises:
        ConfigurationRefused: there is no such point.

    """
    store = points_of(environment, application_of(point))
    try:
        store.read_manifest(RecoveryPointId(point))
    except NotStored as error:
        raise ConfigurationRefused(f"no recovery point {point!r}: {error.message}", hint="See `continuity points`.") from error
    store.unpin(RecoveryPointId(point))
    return RecoveryPointId(point)


def accept_finding(
    application: Application,
    environment: Environment,
    finding: str,
    *,
    until: datetime,
    because: str,
    by: str,
    now: datetime,
) -> Acceptance:
    """Tolerate a finding of health until a moment. Faithfulness cannot be accepted: an unfaithful point is no backup.

    Raises:
        ConfigurationRefused: no finding has that name, it speaks of faithfulness, the date has passed, or no reason is given.

    """
    store = points_of(environment, application.name)
    findings = store.last_findings()
    health = {each.name for each in findings if each.axis is Axis.HEALTHY} | {rule.name for rule in application.rules}
    if finding in {each.name for each in findings if each.axis is Axis.FAITHFUL}:
        raise ConfigurationRefused(
            f"{finding!r} speaks of faithfulness, which cannot be accepted", hint="Make a new recovery point instead."
        )
    if finding not in health:
        near = get_close_matches(finding, health, n=1)
        raise ConfigurationRefused(
            f"no finding {finding!r}" + (f", did you mean {near[0]!r}?" if near else ""),
            hint=f"Known: {', '.join(sorted(health)) or 'none yet'}.",
        )
    until = until.replace(tzinfo=UTC) if until.tzinfo is None else until
    if until <= now:
        raise ConfigurationRefused(f"{until:%Y-%m-%d %H:%M} UTC has passed", hint="Give a date that is to come.")
    if not because.strip():
        raise ConfigurationRefused("accepting needs a reason", hint="Say in --because why it is tolerable.")
    acceptance = Acceptance(finding=finding, until=until, because=because.strip(), by=by)
    store.accept(acceptance, at=now)
    return acceptance
