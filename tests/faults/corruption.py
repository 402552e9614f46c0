"""Random damage to what a vault holds: what was damaged and how, which answer is required, and which one came.

Every draw depends on the seed alone, so a campaign is repeated by its seed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

from continuity.domain.run import EntryKind, RunId
from continuity.domain.verdict import STORED_BYTES, Judgement, Outcome, Trouble
from continuity.errors import ConfigurationRefused, ContinuityError
from continuity.journal import entry_key, list_runs, read_history
from continuity.procedures.drill import DrillReport
from tests.fixtures.protection import Protected


class Kind(StrEnum):
    """What an object of the vault is."""

    DUMP = "dump"
    GLOBALS = "globals"
    MEDIA = "media map"
    MANIFEST = "manifest"
    DRILL = "drill verdict"
    DISTRUST = "distrust mark"
    ACCEPTANCE = "acceptance"
    JOURNAL = "journal entry"
    JOURNAL_END = "last journal entry"


class How(StrEnum):
    """What is done to it."""

    TRUNCATED = "truncated"
    FLIPPED = "one bit flipped"
    OVERWRITTEN = "a block overwritten"
    EXTENDED = "extended"
    OTHER_OBJECT = "swapped with another object"
    OTHER_POINT = "swapped with that of another point"
    MISSING = "missing"
    EMPTIED = "emptied"


class Answer(StrEnum):
    """What came of a damage."""

    BYTES = "the drill says that the stored bytes are bad"
    LISTED = "the listing names the document as damaged"
    NOT_IN_FORCE = "what the document said is no longer in force"
    STILL_DISTRUSTED = "the point stays distrusted"
    REFUSED = "reading it is refused by its key"
    SILENT = "nothing was noticed"


@dataclass(frozen=True, kw_only=True)
class Target:
    """An object of the vault, with the point or the run that it belongs to; an acceptance belongs to neither."""

    kind: Kind
    key: str
    point: str = ""
    run: str = ""


@dataclass(frozen=True, kw_only=True)
class Damage:
    """An object, and the bytes that stand in its place (None: it is missing)."""

    target: Target
    how: How
    data: bytes | None


def required(kind: Kind, how: How) -> Answer:
    """Return the answer that a damage must have. Nothing may be silent; the words of nobody may count for a point."""
    return _OTHERWISE.get((kind, how), _ANSWERS[kind])


_ANSWERS = {
    Kind.DUMP: Answer.BYTES,
    Kind.GLOBALS: Answer.BYTES,
    Kind.MEDIA: Answer.BYTES,
    Kind.MANIFEST: Answer.LISTED,
    Kind.DRILL: Answer.LISTED,
    Kind.DISTRUST: Answer.LISTED,
    Kind.ACCEPTANCE: Answer.LISTED,  # and what it accepted counts again, while the others stay in force
    Kind.JOURNAL: Answer.REFUSED,
    Kind.JOURNAL_END: Answer.REFUSED,
}
# Each of these errs on the safe side.
_OTHERWISE = {
    (Kind.DRILL, How.MISSING): Answer.NOT_IN_FORCE,  # the point is not proven
    (Kind.DRILL, How.OTHER_POINT): Answer.NOT_IN_FORCE,
    (Kind.DISTRUST, How.OTHER_POINT): Answer.STILL_DISTRUSTED,
    (Kind.ACCEPTANCE, How.MISSING): Answer.NOT_IN_FORCE,  # the finding counts again
    (Kind.ACCEPTANCE, How.OTHER_POINT): Answer.NOT_IN_FORCE,
    (Kind.JOURNAL_END, How.MISSING): Answer.NOT_IN_FORCE,  # the run counts as open
}


def targets_of(protected: Protected) -> tuple[Target, ...]:
    """Return every object of the vault that a campaign damages: those of each kind, by point."""
    found = []
    for state in protected.points.listing().points:
        point = state.manifest.id
        folder = protected.points.folder(point)
        found += [
            Target(kind=Kind.DUMP, key=state.manifest.dump.key, point=point),
            Target(kind=Kind.GLOBALS, key=state.manifest.globals.key, point=point),
            Target(kind=Kind.MANIFEST, key=f"{folder}manifest.json", point=point),
            Target(kind=Kind.DISTRUST, key=f"{folder}distrust.json", point=point),
        ]
        if state.manifest.media:
            found.append(Target(kind=Kind.MEDIA, key=state.manifest.media.versions.key, point=point))
        drills = [listed.key for listed in protected.points.vault.list(f"{folder}drills/")]
        found += [Target(kind=Kind.DRILL, key=key, point=point) for key in drills if key.endswith(".json")]
    accepted = protected.points.vault.list(f"{protected.application.name}/acceptances/")
    found += [Target(kind=Kind.ACCEPTANCE, key=listed.key) for listed in accepted]
    for run in list_runs(protected.points.vault, protected.application.name):
        *entries, end = read_history(protected.points.vault, run).entries
        found += [Target(kind=Kind.JOURNAL, key=entry_key(run, entry.number), run=run) for entry in entries]
        found.append(Target(kind=Kind.JOURNAL_END, key=entry_key(run, end.number), run=run))
    return tuple(found)


def draw(random: Random, folder: Path, targets: tuple[Target, ...]) -> Damage:
    """Draw a kind, an object of it, and a damage that changes its bytes."""
    while True:
        kind = random.choice(list(Kind))
        target = random.choice([each for each in targets if each.kind is kind])
        how = random.choice(list(How))
        same = [folder / each.key for each in targets if each.kind is kind and each.key != target.key]
        other = [folder / each.key for each in targets if each.kind is not kind]
        data = (folder / target.key).read_bytes()
        damaged = damage(random, data, how, same=same, other=other)
        if damaged != data:
            return Damage(target=target, how=how, data=damaged)


def damage(random: Random, data: bytes, how: How, *, same: list[Path], other: list[Path]) -> bytes | None:
    """Return damaged bytes, or None for an object that is to be missing."""
    changed = bytearray(data)
    match how:
        case How.TRUNCATED:
            # A document without its last line end says what it said.
            return data[: random.randrange(1, len(data.rstrip(b"\n")))]
        case How.FLIPPED:
            changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
        case How.OVERWRITTEN:
            begin = random.randrange(len(data))
            size_bytes = min(random.choice([1, 16, 512, 4096]), len(data) - begin)
            changed[begin : begin + size_bytes] = random.randbytes(size_bytes)
        case How.EXTENDED:
            changed += random.randbytes(random.choice([1, 100, 4096]))
        case How.OTHER_OBJECT:
            return random.choice(other).read_bytes()
        case How.OTHER_POINT:
            return random.choice(same).read_bytes()
        case How.MISSING:
            return None
        case How.EMPTIED:
            return b""
    return bytes(changed)


@contextmanager
def damaged_vault(folder: Path, damage: Damage) -> Iterator[None]:
    """Damage a vault for a while; afterwards it is as before, without what was written to it meanwhile."""
    path = folder / damage.target.key
    kept, before = path.read_bytes(), set(folder.rglob("*"))
    try:
        path.unlink() if damage.data is None else path.write_bytes(damage.data)
        yield
    finally:
        path.write_bytes(kept)
        for left in set(folder.rglob("*")) - before:
            left.unlink()


Drill = Callable[[str], DrillReport]


def answer_to(damage: Damage, protected: Protected, drill: Drill) -> Answer:
    """Ask what an operator would ask, and return what was said of the damage. `drill` judges a point by its id."""
    target = damage.target
    match target.kind:
        case Kind.DUMP | Kind.GLOBALS | Kind.MEDIA:
            return _answer_of_drill(drill(target.point), target)
        case Kind.ACCEPTANCE:
            return _answer_of_acceptances(protected, damage)
        case Kind.JOURNAL | Kind.JOURNAL_END:
            return _answer_of_journal(protected, damage)
    return _answer_of_listing(protected, drill, target)


def _answer_of_listing(protected: Protected, drill: Drill, target: Target) -> Answer:
    listing = protected.points.listing()
    listed = any(target.key in f"{each.key} {each.reason}" for each in listing.damaged)
    state = next((each for each in listing.points if each.manifest.id == target.point), None)
    match target.kind:
        case Kind.MANIFEST:
            return Answer.LISTED if listed and state is None and _refuses(drill, target.point) else Answer.SILENT
        case Kind.DRILL if state is not None and not state.proven:
            return Answer.LISTED if listed else Answer.NOT_IN_FORCE
        case Kind.DISTRUST if state is None or state.distrusted:
            return Answer.LISTED if listed else Answer.STILL_DISTRUSTED
    return Answer.SILENT


def _answer_of_drill(report: DrillReport, target: Target) -> Answer:
    named = [finding for finding in report.verdict.findings if finding.name == STORED_BYTES]
    told = any(finding.outcome is Outcome.FAILED and target.key in finding.detail for finding in named)
    unfaithful = report.verdict.judgement is Judgement.UNFAITHFUL and report.verdict.trouble is Trouble.BYTES
    return Answer.BYTES if told and unfaithful and not report.verdict.proven else Answer.SILENT


def _answer_of_acceptances(protected: Protected, damage: Damage) -> Answer:
    accepted = protected.points.acceptances()
    in_force = {acceptance.finding for acceptance in accepted.acceptances}
    if len(in_force) == len(ACCEPTED):
        return Answer.SILENT
    named = [each.key for each in accepted.damaged] == [damage.target.key]
    return Answer.LISTED if named and in_force < set(ACCEPTED) and in_force else Answer.NOT_IN_FORCE


def _answer_of_journal(protected: Protected, damage: Damage) -> Answer:
    try:
        history = read_history(protected.points.vault, RunId(damage.target.run))
    except ContinuityError as error:
        return Answer.REFUSED if damage.target.run in error.message else Answer.SILENT
    return Answer.SILENT if history.entries[-1].kind is EntryKind.END else Answer.NOT_IN_FORCE


ACCEPTED = ("a rule that fails", "another rule that fails")
"""What a campaign's vault holds acceptances of."""


def _refuses(drill: Drill, point: str) -> bool:
    try:
        drill(point)
    except ConfigurationRefused:
        return True
    return False
