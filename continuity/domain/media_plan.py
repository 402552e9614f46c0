"""The plan of a media rollback: what a person asks for, what the bucket told when it was made, and its steps. Pure."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from continuity.domain import reports
from continuity.domain.agreement import COMPARE, agreement_steps
from continuity.domain.application import Application
from continuity.domain.media_rollback import Action, Change, KeyHistory, Left, change_since, decide
from continuity.domain.moments import read_moment
from continuity.domain.plan import Facts, Plan, PlannedStep, Verb
from continuity.errors import ConfigurationRefused, UnsafeOperation

DEFAULT = (Change.DELETES, Change.OVERWRITES)
"""What goes back unless a person says otherwise: files come back, and none goes. Additions are what users have uploaded since;
rows may refer to them, and hiding them is for a person to ask for."""

SHOWN = 3
TOLD_EVERY = 10_000
PART_ACTIONS = 2_000
"""Actions of one part: what a killed run asks the bucket about again, and what is held in memory at once."""

ROLL_BACK, TAKE_BACK, ACCOUNT = "roll back media", "take media back", "account for media"


@dataclass(frozen=True, kw_only=True)
class MediaWish:
    """What a person asks for. It goes into the plan."""

    to: datetime
    prefix: str = ""
    changes: tuple[Change, ...] = DEFAULT

    def options(self) -> dict[str, str]:
        """Return the wish as a plan records it."""
        return {"to": self.to.isoformat(), "prefix": self.prefix, "only": ",".join(self.changes)}

    @staticmethod
    def of(plan: Plan) -> "MediaWish":
        """Return the wish that a plan records."""
        options = plan.options
        return MediaWish(
            to=datetime.fromisoformat(options["to"]), prefix=options["prefix"], changes=MediaWish.chosen(options["only"])
        )

    @staticmethod
    def written(*, to: str, prefix: str, changes: Collection[Change]) -> "MediaWish":
        """Read a wish from a form; without a zone a moment is UTC.

        Raises:
            ConfigurationRefused: the text is no moment, or no change is chosen.

        """
        moment = read_moment(to)
        if moment is None or not changes:
            what = "no moment is given" if moment is None else "nothing is chosen to go back"
            raise ConfigurationRefused(what, hint="Say the last moment at which the files were good, and what is to go back.")
        return MediaWish(to=moment.astimezone(UTC), prefix=prefix, changes=tuple(each for each in Change if each in changes))

    @staticmethod
    def chosen(only: str) -> tuple[Change, ...]:
        """Read which kinds of changes are taken back: words with commas in between, "" for the default.

        Raises:
            ConfigurationRefused: a word is none of them.

        """
        words = [word.strip() for word in only.split(",") if word.strip()]
        known = [change.value for change in Change]
        if unknown := [word for word in words if word not in known]:
            raise ConfigurationRefused(f"{unknown[0]!r} is no change of media", hint=f"Known: {', '.join(known)}.")
        return tuple(change for change in Change if change.value in words) or DEFAULT


@dataclass(kw_only=True)
class Tally:
    """Counts what passes on its way into the list: by kind of change, chosen or not, with some keys of each."""

    keys: dict[Change, int] = field(default_factory=lambda: dict.fromkeys(Change, 0))
    bytes: dict[Change, int] = field(default_factory=lambda: dict.fromkeys(Change, 0))
    samples: dict[Change, list[str]] = field(default_factory=lambda: {change: [] for change in Change})
    left: int = 0
    left_samples: list[str] = field(default_factory=list)
    seen: int = 0
    seen_bytes: int = 0
    told: Callable[[int, int], None] = lambda _seen, _seen_bytes: None
    """Told now and then how many keys have been seen, and the bytes that are current under them."""

    def decided(self, histories: Iterator[KeyHistory], moment: datetime, changes: Collection[Change]) -> Iterator[Action | Left]:
        """Decide each key, and pass on what is to be done and what cannot be."""
        for history in histories:
            self.seen += 1
            self.seen_bytes += history.current.size_bytes
            if self.seen % TOLD_EVERY == 0:
                self.told(self.seen, self.seen_bytes)
            changed = change_since(history, moment)
            if changed is None:
                continue
            if isinstance(changed, Action) and changed.change not in changes:
                self._count(changed)
                continue
            entry = decide(history, moment, changes)
            if isinstance(entry, Action):
                self._count(entry)
            elif entry is not None:
                self.left += 1
                if len(self.left_samples) < SHOWN:
                    self.left_samples.append(f"{entry.key}: {entry.because}")
            if entry is not None:
                yield entry

    def _count(self, action: Action) -> None:
        self.keys[action.change] += 1
        self.bytes[action.change] += (action.wanted or action.current).size_bytes
        if len(self.samples[action.change]) < SHOWN:
            self.samples[action.change].append(action.key)


@dataclass(frozen=True, kw_only=True)
class MediaList:
    """The list that was made for a plan, in the vault under its hash, and what it says in short."""

    key: str
    sha256: str
    actions: int
    bytes: int
    left: int
    told: Mapping[str, str]
    """In words: each kind of change that goes back, with count, bytes and some keys."""
    notes: tuple[str, ...]


def summarize(tally: Tally, changes: Collection[Change], *, key: str, sha256: str) -> MediaList:
    """Put into words what a list holds, and what it leaves alone."""
    told = {change.value: _words(tally, change) for change in changes}
    others = [change for change in Change if change not in changes and tally.keys[change]]
    notes = [f"{change.value} since that stay, since they were not asked for: {_words(tally, change)}" for change in others]
    if tally.left:
        notes.append(f"{tally.left:,} keys are left alone, the first: {'; '.join(tally.left_samples)}")
    notes.append(f"of {tally.seen:,} keys; no version of any object is deleted, and what was current stays in the history")
    return MediaList(
        key=key,
        sha256=sha256,
        actions=sum(tally.keys[change] for change in changes),
        bytes=sum(tally.bytes[change] for change in changes),
        left=tally.left,
        told=told,
        notes=tuple(notes),
    )


def _words(tally: Tally, change: Change) -> str:
    count = tally.keys[change]
    if not count:
        return "none"
    shown = ", ".join(tally.samples[change])
    return f"{count:,} keys, {reports.size(tally.bytes[change])}: {shown}{' …' if count > SHOWN else ''}"


def plan_media(application: Application, wish: MediaWish, listed: MediaList, *, bucket: str, target: str, now: datetime) -> Plan:
    """Plan to bring a bucket back to a moment. Its hash covers the wish, the bucket, and the list as it was made.

    What is uploaded to other keys, or later, makes no other plan: each key is compared when it is its turn.

    Raises:
        UnsafeOperation: nothing has changed since that was asked for.

    """
    if not listed.actions:
        raise UnsafeOperation(
            f"nothing to roll back: no {' and no '.join(wish.changes)} of {wish.prefix!r} since {wish.to:%Y-%m-%d %H:%M:%S} UTC",
            detail="\n".join([*listed.notes, "Nothing was changed."]),
            hint="Give an earlier --to, or other changes with --only.",
        )
    steps = (*media_steps(listed, bucket=bucket, prefix=wish.prefix), *agreement_steps(application))
    targets = {"bucket": target, "keys below": wish.prefix or "(all)", "as of": f"{wish.to:%Y-%m-%d %H:%M:%S} UTC"}
    return Plan(
        application=application.name,
        verb=Verb.MEDIA,
        created=now,
        targets=targets | dict(listed.told) | {"list": f"{listed.actions:,} keys, sha256 {listed.sha256}, {listed.key}"},
        steps=steps,
        options=wish.options(),
    )


def media_steps(listed: MediaList, *, bucket: str, prefix: str) -> tuple[PlannedStep, ...]:
    """Plan to act on a list, and then to account for it. Once it is acted on, what only looks takes nothing back."""
    arguments = {
        "bucket": bucket,
        "prefix": prefix,
        "list": listed.key,
        "sha256": listed.sha256,
        "actions": listed.actions,
        "bytes": listed.bytes,
        "left": listed.left,
        "part_actions": PART_ACTIONS,
    }
    target = f"{listed.actions:,} keys of {bucket}"
    return (
        PlannedStep(name=ROLL_BACK, kind=ROLL_BACK, target=target, arguments=arguments, pivot=True),
        account_step(ROLL_BACK, target),
    )


def hiding_steps(listed: MediaList, *, bucket: str, prefix: str) -> tuple[PlannedStep, ...]:
    """Plan to hide all keys of a list as a part of something larger, which a failure of takes back with these."""
    acting, _ = media_steps(listed, bucket=bucket, prefix=prefix)
    acting = replace(acting, name=f"hide media below {prefix}", pivot=False)
    return (acting, account_step(acting.name, acting.target))


def replan_media(application: Application, plan: Plan, *, target: str, now: datetime) -> Plan:
    """Make a plan again from itself and the bucket as it is named now: what is to be done to which key is in its list."""
    kept = tuple(step for step in plan.steps if step.kind in {ROLL_BACK, ACCOUNT})
    steps = (*kept, *agreement_steps(application))
    return replace(plan, created=now, targets={**plan.targets, "bucket": target}, steps=steps)


def account_step(of: str, target: str) -> PlannedStep:
    """Plan to count what a step on media has done, and to name what it has left because somebody else was there first."""
    return PlannedStep(name=f"account for: {of}", kind=ACCOUNT, target=target, arguments={"step": of})


def changes_media_only(plan: Plan) -> bool:
    """Whether a plan acts on media and on nothing else."""
    kinds = {step.kind for step in plan.steps}
    return bool(kinds & {ROLL_BACK, TAKE_BACK}) and kinds <= {ROLL_BACK, TAKE_BACK, ACCOUNT, COMPARE}


def media_taken_back(step: str, facts: Facts) -> PlannedStep:
    """Plan the inverse of a step on media, from what its parts in the vault say was done to each key."""
    kept = {name: facts[name] for name in ("bucket", "prefix", "actions", "bytes", "part_actions")}
    return PlannedStep(
        name=step,
        kind=TAKE_BACK,
        target=f"{facts['actions']:,} keys of {facts['bucket']}",
        arguments=kept | {"done in": facts["folder"]},
    )
