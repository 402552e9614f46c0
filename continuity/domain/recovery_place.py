"""The places of a recovery: the server and the cluster that take the application, and the server that had it before. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from continuity.domain.checks import Check
from continuity.domain.plan import PlannedStep
from continuity.domain.roles import RoleStatements

MEET_SERVER = "meet the server"
MEET_CLUSTER = "meet the cluster"
"""Kinds of steps; in a plan each has its kind's name."""

_LACKING = 'Name their places in `[recovery.passwords]` (ROLE = "file:/path"), or the roles in `without_password`.'


@dataclass(frozen=True, kw_only=True)
class RecoveryPlace:
    """The server that is to take the application, as it is before anything is done."""

    system_identifier: str
    """"" for a server that the run itself makes: which one it is, is recorded when it is met."""
    version: str
    database: str
    oid: int | None = None
    """OID of a database that has the application's name already; None where there is none."""
    objects: int = 0
    """How many relations and functions it holds. A server that was made anew may bring an empty one."""
    output: str = ""
    """For a server that the run itself makes: the outputs of the infrastructure that will say where it is."""

    @staticmethod
    def awaited(database: str, output: str) -> "RecoveryPlace":
        """Return the place that the infrastructure has yet to make."""
        return RecoveryPlace(system_identifier="", version="", database=database, output=output)

    def __str__(self) -> str:
        if self.output:
            return f"the one that the infrastructure makes, by output {self.output}; it has to be empty"
        return f"system identifier {self.system_identifier}, PostgreSQL {self.version}"


@dataclass(frozen=True, kw_only=True)
class OldPrimary:
    """The database that served before, by identity; `reachable` is None where no server is named."""

    reachable: bool | None = None
    system_identifier: str = ""
    oid: int | None = None
    """None where the server answers, and has no database of the application's name."""

    @property
    def may_be_written_to(self) -> bool:
        """Whether there is a database to close."""
        return bool(self.reachable) and self.oid is not None


def check_place(
    place: RecoveryPlace,
    roles: RoleStatements,
    old: OldPrimary,
    *,
    passwords: Sequence[str],
    gone: str,
    application: str,
    rehearsal: bool = False,
) -> Iterator[Check]:
    """Say what is missing that no recovery point can hold, all of it at once: room, passwords, the end of the old."""
    if not place.output:
        yield check_empty(place, rehearsal=rehearsal)
    lacking = roles.without_password(passwords)
    yield Check(
        name="passwords of roles",
        passed=not lacking,
        detail=f"lacking for {', '.join(lacking)}" if lacking else f"at hand for {len(roles.sign_in)} new roles that sign in",
        hint=_LACKING if lacking else "",
    )
    yield from _check_old(place, old, gone=gone, application=application)


def check_empty(place: RecoveryPlace, *, rehearsal: bool = False) -> Check:
    """Say whether nothing would be overwritten."""
    # A rehearsal's name is nobody's but its own: whatever has it is left over, and for a person to look at.
    empty = not place.objects and not (rehearsal and place.oid)
    there = f"database {place.database} is there, with {place.objects} objects"
    return Check(
        name="empty place",
        passed=empty,
        detail=there if place.oid else f"there is no database {place.database}",
        hint="A recovery never overwrites. Roll back instead (`continuity rollback`), or rename it." if not empty else "",
    )


def check_another(place: RecoveryPlace, old_system_identifier: str) -> Iterator[Check]:
    """Say so where the place is the very server that served before."""
    if old_system_identifier and old_system_identifier == place.system_identifier:
        yield Check(
            name="old primary",
            passed=False,
            detail=f"is this very server ({place.system_identifier})",
            hint="Mend `[recovery] old_dsn`: it names the server that served before.",
        )


def _check_old(place: RecoveryPlace, old: OldPrimary, *, gone: str, application: str) -> Iterator[Check]:
    if old.reachable is False:
        said = gone == application
        yield Check(
            name="old primary",
            passed=said,
            detail="does not answer; it was said to be gone" if said else "does not answer, and may come back and take writes",
            hint=f"Make sure that it is gone, then add: --old-primary-gone {application}",
        )
        return
    same = tuple(check_another(place, old.system_identifier))
    yield from same
    if old.reachable and old.oid is None and not same:
        yield Check(
            name="old primary",
            passed=True,
            detail=f"answers (system identifier {old.system_identifier}), has no database {place.database}, and is not closed",
            hint="If that is not the server that served before, mend `[recovery] old_dsn`.",
        )


def meeting_steps(
    place: RecoveryPlace, old: OldPrimary, point: Mapping[str, Any], cluster: "ClusterPlace | None"
) -> tuple[PlannedStep, ...]:
    """Return the steps that look whom they have before them, before anything is done there.

    A server that is known is recorded in the plan, and held against it by each step that acts on it.
    """
    server = PlannedStep(
        name=MEET_SERVER,
        kind=MEET_SERVER,
        target=f"the server by output {place.output}: it has to be empty, and its identity is recorded",
        arguments={**point, "live": place.database, "old_system_identifier": old.system_identifier},
    )
    return (*((server,) if place.output else ()), *((cluster.step,) if cluster else ()))


@dataclass(frozen=True, kw_only=True)
class ClusterPlace:
    """The cluster that is to take the application; `uid` is "" where the run itself makes it, by `output`."""

    uid: str = ""
    output: str = ""
    secrets: Sequence[tuple[str, str]] = ()
    """Those (namespace, name) that have to be there when it is met; what is known already was looked for."""

    def __str__(self) -> str:
        return f"uid {self.uid}" if self.uid else f"the one that the infrastructure makes, by output {self.output}"

    @property
    def step(self) -> PlannedStep:
        """The step that makes sure of it."""
        return PlannedStep(
            name=MEET_CLUSTER,
            kind=MEET_CLUSTER,
            target=f"the cluster, {self}",
            arguments={"uid": self.uid, "secrets": [list(each) for each in self.secrets]},
        )
