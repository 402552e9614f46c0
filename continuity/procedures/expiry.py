"""Let recovery points expire by the application's policy. Nothing goes unless `carry_out` says so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from continuity.adapters.leases import holding
from continuity.adapters.removal import Removed
from continuity.domain.application import Application
from continuity.domain.lease import Purpose
from continuity.domain.recovery_point import Expired, PointState, RecoveryPointId
from continuity.domain.retention import Decision, decide, objections, too_many
from continuity.errors import UnsafeOperation
from continuity.procedures.warm import cool_down, tell_kept
from continuity.settings import Environment
from continuity.steps.expiring import Observed, expire_point, finish_expiry, observe_points
from continuity.steps.operation import PATIENT, Operation, Perform
from continuity.steps.places import journals_of


@dataclass(frozen=True, kw_only=True)
class ExpiryReport:
    """What was decided of each point, and what was done. `spared` are points that were to go and stayed, each with why."""

    decisions: tuple[Decision, ...]
    carried_out: bool
    removed: tuple[Removed, ...] = ()
    spared: tuple[tuple[RecoveryPointId, str], ...] = ()
    unfinished: tuple[RecoveryPointId, ...] = ()
    """Expired points that an earlier run has left something of: to be finished, or finished by this run."""
    too_many: str = ""
    warm: tuple[str, ...] = ()
    """What becomes, or has become, of the warm databases of points that go."""

    @property
    def going(self) -> tuple[Decision, ...]:
        """The points that go."""
        return tuple(decision for decision in self.decisions if not decision.keep)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What needs a look, in words."""
        remarks = [f"{point} stays after all: {why}" for point, why in self.spared]
        remarks += self.warm
        remarks += [f"{key} was left: nothing of ours is called so" for key in self.unknown]
        if self.unfinished and not self.carried_out:
            remarks.append(f"expired earlier, and to be finished: {', '.join(self.unfinished)}")
        if self.too_many and not self.carried_out:
            remarks.append(f"refused unless it is allowed: {self.too_many}")
        return tuple(remarks)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Keys in folders of expired points that nothing of ours is called: they were left."""
        return tuple(key for removed in self.removed for key in removed.unknown)


def expire(
    application: Application,
    environment: Environment,
    *,
    carry_out: bool,
    allow_many: bool,
    by: str,
    perform: Perform,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ExpiryReport:
    """Decide which points expire, and with `carry_out` remove them: each is whole, or gone from one instant on.

    Raises:
        UnsafeOperation: clocks disagree, backups have stopped, the vault is not what it should be, or more than
            `allow_many` lets would go at once. Nothing was changed.
        Busy: a backup or another expiry holds the application.
        Overtaken: another run took the application over; what has gone until then is gone, the rest is whole.

    """
    if not carry_out:
        report, _ = _decided(application, perform(OBSERVE, application, environment), clock(), allow_many=True)
        return replace(report, warm=_tell_warm([each.state for each in report.going], environment, perform))
    run = f"{application.name}-expire-{clock():%Y%m%dT%H%M%SZ}"
    with holding(journals_of(environment), application.name, Purpose.BACKUP, run=run) as held:
        observed = perform(OBSERVE, application, environment)
        report, now = _decided(application, observed, clock(), allow_many=allow_many)
        removed = [perform(FINISH, application, environment, point) for point in report.unfinished]
        spared: list[tuple[RecoveryPointId, str]] = []
        warm: list[str] = []
        for decision in reversed(report.going):
            held.check()
            told = _tell_warm([decision.state], environment, perform)
            if told and (because := perform(COOL_DOWN, application, environment, decision.state, now)):
                spared.append((decision.point, because))
                continue
            warm += told
            done = perform(EXPIRE, application, environment, _tombstone(decision, by=by, at=now))
            if isinstance(done, Removed):
                removed.append(done)
            else:
                spared.append((decision.point, done))
    return replace(report, carried_out=True, removed=tuple(removed), spared=tuple(spared), warm=tuple(warm))


def _tell_warm(going: Sequence[PointState], environment: Environment, perform: Perform) -> tuple[str, ...]:
    """Say what becomes of warm databases. The server of drills is asked only where a drill has kept anything."""
    kept = [state for state in going if any(drill.kept for drill in state.drills)]
    return perform(TELL_KEPT, kept, environment) if kept else ()


def _decided(application: Application, observed: Observed, now: datetime, *, allow_many: bool) -> tuple[ExpiryReport, datetime]:
    """Decide, or refuse."""
    listing = observed.listing
    reasons = objections(
        listing.points,
        damaged=[f"{each.key} ({each.reason})" for each in listing.damaged],
        store_time=observed.store_time,
        now=now,
        recovery_point=application.objectives.recovery_point,
    )
    _refuse(application, reasons, hint="Mend what is named, then run it again; see docs/runbooks/retention.md.")
    decisions = decide(listing.points, application.retention, in_use=observed.in_use, now=now)
    many = too_many(decisions)
    if many and not allow_many:
        hint = f"Look at `continuity expire {application.name}`; if it is meant, add --allow-many."
        _refuse(application, (many,), hint=hint)
    report = ExpiryReport(decisions=decisions, carried_out=False, unfinished=listing.leftovers, too_many=many)
    return report, now


def _refuse(application: Application, reasons: Sequence[str], *, hint: str) -> None:
    if reasons:
        raise UnsafeOperation(
            f"no point of {application.name} expires: {reasons[0]}",
            detail="\n".join((*reasons[1:], "Nothing was changed.")),
            hint=hint,
        )


def _tombstone(decision: Decision, *, by: str, at: datetime) -> Expired:
    manifest = decision.state.manifest
    return Expired(
        point=manifest.id,
        created=manifest.created,
        because=decision.because,
        by=by,
        at=at,
        keys=tuple(stored.key for stored in manifest.stored),
        stored_bytes=manifest.stored_bytes,
    )


OBSERVE = Operation(name="observe points, open runs and clocks", run=observe_points, retry=PATIENT)
TELL_KEPT = Operation(name="look for warm databases", run=tell_kept)
COOL_DOWN = Operation(name="drop the warm databases of a point", run=cool_down)
EXPIRE = Operation(name="expire a point", run=expire_point, retry=PATIENT)
FINISH = Operation(name="finish an expiry that was cut short", run=finish_expiry, retry=PATIENT)
