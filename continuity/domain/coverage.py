"""What of an application is not protected, or not prepared: each gap with what closes it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from continuity.domain.application import Application
from continuity.domain.reports import duration
from continuity.domain.risks import Risk
from continuity.domain.status import Status


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Something that is missing, and what to do about it. `what` is the same from review to review; figures are in `detail`."""

    what: str
    remedy: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What is prepared beside the points: whether people can be told, and which risks nothing mitigates."""

    people: bool
    """Whether the application says who is told."""
    people_refused: str = ""
    """Why its people.toml cannot be used."""
    risks: tuple[Risk, ...] | None = None
    """The register of risks; None where there is none."""
    risks_refused: str = ""
    """Why its risks.toml cannot be used."""


def find_gaps(application: Application, status: Status, prepared: Prepared, *, media: str = "") -> tuple[Gap, ...]:
    """Name what is not covered, the worst first. `media` says why the bytes of the media may not come back."""
    return (
        *_points(application, status),
        *_media(media),
        *_recovery(application, status),
        *_checks(application),
        *_people(application, prepared),
    )


def _points(application: Application, status: Status) -> Iterator[Gap]:
    name, age = application.name, status.protection.age
    if age is None:
        yield Gap(what="no recovery point is proven", remedy=f"`continuity backup {name}`")
    elif not status.recovery_point_met:
        yield Gap(
            what="the last proven point is older than may be lost",
            detail=f"{duration(age)}, and at most {duration(application.objectives.recovery_point)} may be lost",
            remedy=f"`continuity points {name}` shows what was not proven since",
        )
    if damaged := status.protection.damaged:
        yield Gap(
            what="documents of the vault cannot be read",
            detail=f"{damaged} of them",
            remedy=f"`continuity points {name}` names them",
        )


def _media(media: str) -> Iterator[Gap]:
    if media:
        what, _, detail = media.partition(": ")
        yield Gap(what=what, detail=detail, remedy="name a replica in `[media] replica_bucket`; see docs/runbooks/media.md")


def _recovery(application: Application, status: Status) -> Iterator[Gap]:
    prediction = status.prediction
    if prediction is None:
        yield Gap(what="nobody knows how long a recovery takes", remedy=f"`continuity drill {application.name}`")
        return
    if not status.recovery_time_met:
        allowed = duration(application.objectives.recovery_time)
        yield Gap(
            what="a recovery would take longer than it may",
            detail=f"{prediction}; it may take {allowed}",
            remedy="see docs/runbooks/recovery.md",
        )
    for stage in prediction.unmeasured:
        yield Gap(
            what=f"the stage {stage.value} of a recovery was never measured",
            detail="its budget counts as if it were kept",
            remedy=f"`continuity recover {application.name} --rehearsal`",
        )


def _checks(application: Application) -> Iterator[Gap]:
    file = f"applications/{application.name}/application.toml"
    if application.health is None:
        yield Gap(
            what="no health check: a run cannot tell whether the application works", remedy=f"describe `[health]` in {file}"
        )
    if not application.tests:
        yield Gap(what="no test of the application's own journeys", remedy=f"describe `[[test]]` in {file}")
    if not application.rules:
        yield Gap(
            what="no business rule: bad data in good tables is not found",
            remedy=f"write applications/{application.name}/rules.toml",
        )


def _people(application: Application, prepared: Prepared) -> Iterator[Gap]:
    folder = f"applications/{application.name}"
    if prepared.people_refused:
        yield Gap(
            what="who is told of an incident is not known", detail=prepared.people_refused, remedy=f"mend {folder}/people.toml"
        )
    elif not prepared.people:
        yield Gap(what="nobody can be told of an incident: there is no people.toml", remedy=f"write {folder}/people.toml")
    if prepared.risks_refused:
        yield Gap(what="the register of risks cannot be read", detail=prepared.risks_refused, remedy=f"mend {folder}/risks.toml")
    elif prepared.risks is None:
        yield Gap(what="no register of risks", remedy=f"write {folder}/risks.toml")
    for risk in prepared.risks or ():
        if not risk.closed and not any(each.is_linked for each in risk.mitigations):
            yield Gap(
                what=f"no check, flow or alert mitigates the risk {risk.name}",
                detail=f"{risk.level.value}, {risk.title}",
                remedy=f"link its mitigations in {folder}/risks.toml",
            )


def gap_names(gaps: Sequence[Gap]) -> tuple[str, ...]:
    """Return what a review keeps of gaps."""
    return tuple(gap.what for gap in gaps)
