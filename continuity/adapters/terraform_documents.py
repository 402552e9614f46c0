"""What terraform writes: its stream of events, its plan and its state as JSON, made into values of ours.

Formats: "JSON Output Format" and "Machine-Readable UI" of terraform's documentation; both promise that minor versions add only.
Values of attributes are secrets until proven otherwise: they are looked at here, and leave as digests.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from continuity.domain.infrastructure import Action, Change, InfrastructurePlan, Lock, StateIdentity, action_of
from continuity.domain.pod_logs import mask
from continuity.errors import InfrastructureError

FORMAT = re.compile(r"1\.\d+(\.\d+)?")
SHOWN_CHARACTERS = 600
DIGEST_DIGITS = 16

_LOCKED = "Error acquiring the state lock"
_STALE = "Saved plan is stale"
_LOCK_LINE = re.compile(r"^\s*(ID|Operation|Who|Created):\s*(.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One error of terraform's, safe to show."""

    summary: str
    detail: str = ""
    address: str = ""

    @property
    def stale(self) -> bool:
        """Whether it says that the state has moved since the plan."""
        return self.summary == _STALE

    @property
    def lock(self) -> Lock | None:
        """Who holds the lock, where this is about one; what is not told is empty."""
        if self.summary != _LOCKED:
            return None
        found = dict(_LOCK_LINE.findall(self.detail))
        return Lock(
            id=found.get("ID", ""),
            who=found.get("Who", ""),
            since=found.get("Created", ""),
            operation=found.get("Operation", "").removeprefix("OperationType").lower(),
        )

    def __str__(self) -> str:
        where = f" ({self.address})" if self.address else ""
        return f"{self.summary}{where}" + (f": {' '.join(self.detail.split())}" if self.detail else "")


def events(text: str) -> Iterator[Mapping[str, Any]]:
    """Return terraform's events; a line that is none (a warning of a plug-in, a half-written end) is passed over."""
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def errors_in(text: str) -> tuple[Diagnostic, ...]:
    """Return the errors among the events, with what looks like a secret hidden."""
    found = (event["diagnostic"] for event in events(text) if isinstance(event.get("diagnostic"), dict))
    return tuple(
        Diagnostic(
            summary=mask(str(each.get("summary", ""))),
            detail=mask(str(each.get("detail", "")))[:SHOWN_CHARACTERS],
            address=str(each.get("address", "")),
        )
        for each in found
        if each.get("severity") == "error"
    )


def last_message(text: str) -> str:
    """Return what terraform is doing, by its last whole event."""
    messages = [str(event["@message"]) for event in events(text) if event.get("@message")]
    return mask(messages[-1])[:SHOWN_CHARACTERS] if messages else ""


def _document(text: str, what: str) -> Mapping[str, Any]:
    """Return the one JSON object among what was written: warnings may stand before it, on lines of their own."""
    found = [event for event in events(text) if FORMAT.fullmatch(str(event.get("format_version", "")))]
    if len(found) != 1:
        raise InfrastructureError(
            f"terraform's {what} is in no format that is known here",
            hint="Use a terraform of version 1, and report this with its `terraform version`.",
        )
    return found[0]


def read_plan(text: str, *, sha256: str, state: StateIdentity) -> InfrastructurePlan:
    """Read `terraform show -json PLANFILE`.

    Raises:
        InfrastructureError: it is no plan of a known format, or one that terraform itself says must not be applied.

    """
    document = _document(text, "plan")
    if document.get("errored") or not document.get("complete", True):
        raise InfrastructureError("terraform's plan is not complete", hint="See its errors, and plan again.")
    changes = tuple(_change(each) for each in document.get("resource_changes", ()))
    drift = tuple(_change(each) for each in document.get("resource_drift", ()))
    outputs = document.get("planned_values", {}).get("outputs", {})
    before = document.get("prior_state", {}).get("values", {}).get("outputs", {})
    return InfrastructurePlan(
        sha256=sha256,
        state=state,
        changes=_that_act(changes),
        drift=_that_act(drift),
        outputs={name: bool(each.get("sensitive")) for name, each in sorted(outputs.items())},
        settled=_settled(before, outputs),
        version=str(document.get("terraform_version", "")),
    )


def _settled(before: Mapping[str, Any], planned: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs that the state holds and the plan leaves as they are, the sensitive ones left behind.

    One that is not known yet has no value in a plan.
    """
    return {
        name: each["value"]
        for name, each in sorted(planned.items())
        if not each.get("sensitive") and "value" in each and before.get(name, {}).get("value") == each["value"]
    }


def _that_act(changes: Iterable[Change]) -> tuple[Change, ...]:
    acting = (change for change in changes if change.action not in {Action.NOTHING, Action.READ})
    return tuple(sorted(acting, key=lambda change: (change.address, change.deposed)))


def _change(resource: Mapping[str, Any]) -> Change:
    change = resource["change"]
    action = action_of(change["actions"])
    return Change(
        address=resource["address"],
        type=resource["type"],
        action=action,
        because=str(resource.get("action_reason", "")).replace("_", " "),
        attributes=_attributes(change),
        forces=tuple(sorted({str(path[0]) for path in change.get("replace_paths", ()) if path})),
        deposed=str(resource.get("deposed", "")),
    )


def _attributes(change: Mapping[str, Any]) -> dict[str, str]:
    """Return the attributes that change, with the digest of each value that is wholly known and in no part sensitive."""
    before, after = change.get("before") or {}, change.get("after") or {}
    unknown, sensitive = change.get("after_unknown") or {}, change.get("after_sensitive") or {}
    if not all(isinstance(each, dict) for each in (before, after)):
        return {}
    said = {}
    for name in sorted({*after, *(unknown if isinstance(unknown, dict) else ())}):
        open_part = _any_true(unknown.get(name) if isinstance(unknown, dict) else unknown)
        hidden = _any_true(sensitive.get(name) if isinstance(sensitive, dict) else sensitive)
        if open_part or hidden:
            if open_part or before.get(name) != after.get(name):
                said[name] = ""
        elif before.get(name) != after.get(name):
            said[name] = _digest(after.get(name))
    return said


def _any_true(marks: Any) -> bool:
    if isinstance(marks, dict):
        return any(map(_any_true, marks.values()))
    if isinstance(marks, list):
        return any(map(_any_true, marks))
    return bool(marks)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:DIGEST_DIGITS]


def read_state_identity(text: str) -> StateIdentity:
    """Read which state `terraform state pull` has printed; nothing at all is a state that is not there yet.

    Raises:
        InfrastructureError: it is no state.

    """
    if not text.strip():
        return StateIdentity(lineage="", serial=0)
    try:
        state = json.loads(text[text.index("{") :])
        return StateIdentity(lineage=str(state["lineage"]), serial=int(state["serial"]))
    except (ValueError, KeyError, TypeError):
        # Without the cause: a JSON error quotes the document, which is a secret.
        raise InfrastructureError("terraform's state cannot be read", hint="Look at the backend's object.") from None


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What a configuration tells: the values of what is not sensitive, and the names of what is."""

    values: Mapping[str, Any]
    sensitive: tuple[str, ...]


def read_outputs(text: str) -> Outputs:
    """Read `terraform output -json`, and leave every sensitive value behind.

    Raises:
        InfrastructureError: these are no outputs.

    """
    try:
        found = json.loads(text[text.index("{") :])
        return Outputs(
            values={name: each["value"] for name, each in sorted(found.items()) if not each["sensitive"]},
            sensitive=tuple(sorted(name for name, each in found.items() if each["sensitive"])),
        )
    except (ValueError, KeyError, TypeError):
        raise InfrastructureError("terraform's outputs cannot be read", hint="Look at `terraform output`.") from None
