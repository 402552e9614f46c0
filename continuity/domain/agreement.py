"""Whether the media keys that rows refer to exist: a merge of two sorted streams, and the findings of it. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from continuity.domain.application import Application
from continuity.domain.plan import PlannedStep
from continuity.domain.stages import Stage
from continuity.domain.verdict import Axis, Finding, Outcome, Severity
from continuity.errors import DrillFailed

MISSING, ORPHANS = "media that rows refer to", "media that no row refers to"
COMPARE = "compare database and media"
SAMPLE_KEYS, SHOWN = 20, 5


@dataclass(frozen=True, kw_only=True)
class Referenced:
    """A key that rows refer to, and the columns that do."""

    key: str
    columns: str


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What a comparison came to. Samples are the first keys in order, at most `SAMPLE_KEYS`; keys are no row's contents."""

    referenced: int
    missing: int
    missing_keys: tuple[str, ...]
    orphans: int
    orphan_keys: tuple[str, ...]


def compare(referenced: Iterable[Referenced], present: Iterable[str]) -> Agreement:
    """Compare what rows refer to with what is there. Both streams ascend by UTF-8 bytes; memory stays flat.

    Raises:
        DrillFailed: a stream is not in that order, so that nothing can be said.

    """
    rows = _ascending(((each.key, each.columns) for each in referenced), "the referenced keys")
    files = _ascending(((key, "") for key in present), "the listed keys")
    count, missing, orphans = 0, 0, 0
    missing_keys: list[str] = []
    orphan_keys: list[str] = []
    row, file = next(rows, None), next(files, None)
    while row is not None or file is not None:
        if file is None or (row is not None and row[0] < file[0]):
            assert row is not None  # noqa: S101 -- the loop's condition
            count, missing = count + 1, missing + 1
            if len(missing_keys) < SAMPLE_KEYS:
                missing_keys.append(f"{row[0]} ({row[1]})")
            row = next(rows, None)
        elif row is None or file[0] < row[0]:
            orphans += 1
            if len(orphan_keys) < SAMPLE_KEYS:
                orphan_keys.append(file[0])
            file = next(files, None)
        else:
            count += 1
            row, file = next(rows, None), next(files, None)
    return Agreement(
        referenced=count,
        missing=missing,
        missing_keys=tuple(missing_keys),
        orphans=orphans,
        orphan_keys=tuple(orphan_keys),
    )


def _ascending(stream: Iterable[tuple[str, str]], what: str) -> Iterator[tuple[str, str]]:
    # Code points of str compare as the bytes of UTF-8 do.
    last: str | None = None
    for entry in stream:
        if last is not None and entry[0] <= last:
            raise DrillFailed(f"{what} are not in the order of their bytes: {entry[0]!r} comes after {last!r}")
        last = entry[0]
        yield entry


def findings_of(agreement: Agreement, *, where: str) -> tuple[Finding, ...]:
    """Return the findings: a missing file is a critical one of health, files without a row are told and no more."""
    said = f"{agreement.referenced:,} keys are referred to, all in {where}"
    if agreement.missing:
        shown = "; ".join(agreement.missing_keys[:SHOWN])
        said = f"{agreement.missing:,} of {agreement.referenced:,} keys are not in {where}, the first: {shown}"
    orphans = f"{agreement.orphans:,} keys of {where}"
    if agreement.orphans:
        orphans += f", the first: {'; '.join(agreement.orphan_keys[:SHOWN])}"
    return (
        Finding(
            name=MISSING,
            axis=Axis.HEALTHY,
            severity=Severity.CRITICAL,
            outcome=Outcome.FAILED if agreement.missing else Outcome.PASSED,
            detail=said,
            hint="Bring them back: `continuity media APP --to TIME`; see docs/runbooks/media.md, Files are missing."
            if agreement.missing
            else "",
        ),
        Finding(name=ORPHANS, axis=Axis.HEALTHY, severity=Severity.INFO, outcome=Outcome.PASSED, detail=orphans),
    )


def not_compared(because: str) -> tuple[Finding, ...]:
    """Return the finding that nothing could be said: it is never silent."""
    return (Finding(name=MISSING, axis=Axis.HEALTHY, severity=Severity.CRITICAL, outcome=Outcome.NOT_PROVEN, detail=because),)


def agreement_steps(application: Application) -> tuple[PlannedStep, ...]:
    """Plan to compare the live database with the live bucket, where the application says which columns hold keys."""
    media = application.media
    if media is None or not media.references:
        return ()
    columns = ", ".join(each.column for each in media.references)
    return (PlannedStep(name=COMPARE, kind=COMPARE, target=f"{columns} and bucket {media.bucket}", stage=Stage.VALIDATION),)
