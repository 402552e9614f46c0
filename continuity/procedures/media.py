"""Plan a media rollback: list the bucket, decide key by key, keep the list, and say what it comes to."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from continuity.adapters.approvals import WaitingPlan
from continuity.adapters.media import removes_former_versions, versioning_of
from continuity.adapters.media_lists import store_list
from continuity.adapters.media_versions import VersionedBucket
from continuity.domain.activity import Discards
from continuity.domain.application import Application, MediaBucket
from continuity.domain.estimates import Estimates, predict
from continuity.domain.media_plan import MediaList, MediaWish, Tally, plan_media, replan_media, summarize
from continuity.domain.plan import Plan
from continuity.errors import ConfigurationRefused, MediaError, UnsafeOperation
from continuity.procedures.rollback import READ_MEASURED
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Operation, Perform
from continuity.steps.places import journals_of, media_of
from continuity.steps.progress import Report, silent

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS_PER_SECOND = 60
"""By rule of thumb: ten keys at once, each three requests of about 50 ms."""


def make_media_plan(
    application: Application,
    environment: Environment,
    wish: MediaWish,
    *,
    perform: Perform,
    now: datetime,
    report: Report = silent,
) -> WaitingPlan:
    """Make the plan of a media rollback. Changes nothing but that its list is kept in the vault, under its own hash.

    Raises:
        ConfigurationRefused: the application has no bucket, or the moment is to come.
        UnsafeOperation: the bucket keeps no versions, or nothing has changed since that was asked for.
        MediaError, VaultError: the bucket could not be listed, or the list not be kept.

    """
    if wish.to > now:
        raise ConfigurationRefused(
            f"{wish.to:%Y-%m-%d %H:%M:%S} UTC is still to come", hint="Give a moment before the damage, with its zone."
        )
    prefix, target = perform(LOOK, application, environment, wish.prefix)
    wish = replace(wish, prefix=prefix)
    listed = perform(LIST, application, environment, wish, report)
    bucket = environment.media.bucket or (application.media.bucket if application.media else "")
    plan = plan_media(application, wish, listed, bucket=bucket, target=target, now=now)
    return WaitingPlan(plan=plan, estimates=estimate_media(environment, plan, perform=perform, notes=listed.notes))


def estimate_media(environment: Environment, plan: Plan, *, perform: Perform, notes: tuple[str, ...] = ()) -> Estimates:
    """Predict a plan's seconds: by the number of keys for what acts on them, else from the last run. Nothing is lost."""
    measured = perform(READ_MEASURED, environment, plan.application)
    estimates = predict(plan, point=None, measured=measured, discards=Discards(kept=True), live_bytes=0)
    by_keys = {step.name: step.arguments["actions"] / KEYS_PER_SECOND for step in plan.steps if "actions" in step.arguments}
    seconds = {**estimates.seconds, **{name: round(each, 1) for name, each in by_keys.items()}}
    sources = {**estimates.sources, **dict.fromkeys(by_keys, f"{KEYS_PER_SECOND} keys a second")}
    return replace(estimates, seconds=seconds, sources=sources, notes=notes)


def remake_media_plan(application: Application, environment: Environment, plan: Plan, *, perform: Perform, now: datetime) -> Plan:
    """Make the plan again without listing anew: the list is part of it, and each key is compared when it is its turn.

    Raises:
        UnsafeOperation: the bucket keeps no versions any more.

    """
    _, target = perform(LOOK, application, environment, MediaWish.of(plan).prefix)
    return replan_media(application, plan, target=target, now=now)


def look_at_bucket(application: Application, environment: Environment, prefix: str) -> tuple[str, str]:
    """Make sure that the bucket keeps versions; return the prefix ("" is the application's), and the bucket in words.

    Raises:
        ConfigurationRefused: the application has no bucket, or the prefix leaves what belongs to it.
        UnsafeOperation: it keeps no versions: what was overwritten or deleted is gone.

    """
    client, media = _opened(application, environment)
    prefix = prefix or media.prefix
    if not prefix.startswith(media.prefix):
        raise ConfigurationRefused(
            f"keys below {prefix!r} do not belong to {application.name}", hint=f"Its prefix is {media.prefix!r}."
        )
    status = versioning_of(client, media.bucket)
    if status != "Enabled":
        raise _unversioned(media.bucket, status)
    where = environment.media.endpoint_url or "AWS"
    return prefix, f"{media.bucket} at {where}, versioned"


def _unversioned(bucket: str, status: str) -> UnsafeOperation:
    if status == "Suspended":
        return UnsafeOperation(
            f"versioning of bucket {bucket} is suspended: what is written replaces the version that is called null",
            detail="Nothing was changed.",
            hint="Switch it on again (put-bucket-versioning, Status=Enabled: no object is touched), then plan again.",
        )
    return UnsafeOperation(
        f"bucket {bucket} keeps no versions: what was overwritten or deleted is gone, and could not be put back",
        detail="Nothing was changed.",
        hint="Restore from a replica of the bucket; then switch versioning on, so that the next time there is a way back.",
    )


def list_changes(application: Application, environment: Environment, wish: MediaWish, report: Report = silent) -> MediaList:
    """List the bucket as a stream, decide each key, and keep what is to be done in the vault. Twice makes the same list.

    Raises:
        MediaError, VaultError: the bucket could not be listed, or the list not be kept.

    """
    client, media = _opened(application, environment)
    tally = Tally(told=lambda seen, seen_bytes: report(f"list media, {seen:,} keys", seen_bytes, 0))
    histories = VersionedBucket(client, media.bucket).histories(wish.prefix)
    entries = tally.decided(histories, wish.to, wish.changes)
    folder = environment.drill.work_directory
    key, sha256 = store_list(journals_of(environment), application.name, entries, folder=folder)
    listed = summarize(tally, wish.changes, key=key, sha256=sha256)
    return replace(listed, notes=(*listed.notes, *_expiring(client, media.bucket, wish.to)))


def _expiring(client: "S3Client", bucket: str, to: datetime) -> tuple[str, ...]:
    """Say where the history of the bucket may be too short for the moment that is asked for."""
    try:
        days = removes_former_versions(client, bucket)
    except MediaError as error:
        return (f"whether a lifecycle rule removes former versions is not known: {error.message}",)
    if days is None:
        return ()
    short = datetime.now(to.tzinfo) - to > timedelta(days=days)
    what = "what was current then may be gone, and an older version be taken for it" if short else "enough for this moment"
    return (f"a lifecycle rule of the bucket removes former versions after {days} days: {what}",)


def _opened(application: Application, environment: Environment) -> "tuple[S3Client, MediaBucket]":
    opened = media_of(environment, application)
    if opened is None:
        raise ConfigurationRefused(
            f"{application.name} has no media bucket", hint="Describe it: `[media] bucket` in application.toml."
        )
    return opened


LOOK = Operation(name="look at the media bucket", run=look_at_bucket, retry=PATIENT)
LIST = Operation(name="list what has changed in the media bucket", run=list_changes, retry=PATIENT)
