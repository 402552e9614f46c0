"""Which manager has set which fields, and server-side apply (Kubernetes, "Server-Side Apply").

Fields are paths as in metadata.managedFields: `f:NAME`, `k:{"name":"app"}` for an element of a list that is merged by a
key, and `.` for that such an element is there. Lists without a key, and empty objects, are fields as a whole.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deployments.local.kubernetes.admission import timestamp
from deployments.local.kubernetes.patches import Keys, key_of, merge_keys, merged
from deployments.local.kubernetes.refusals import Object, Refused
from deployments.local.kubernetes.resources import Resource

Path = tuple[str, ...]
Manager = tuple[str, str]
"""A name, and "Apply" or "Update": the same name is another manager under the other operation."""
METADATA = ("labels", "annotations", "finalizers", "ownerReferences")


def applied(resource: Resource, former: Object | None, config: Object, manager: str, *, force: bool) -> Object:
    """Lay what a manager wants to be so over an object; what it no longer names and nobody else has set goes.

    Raises:
        Refused: 409, other managers have set fields to other values; they are named.

    """
    keys, me = merge_keys(custom=resource.custom), (manager, "Apply")
    live = former or {"metadata": {}}
    owned, wanted, present = owners_of(live), fields_of(config, keys), fields_of(live, keys)
    contested = {
        other: {path for path in paths & wanted.keys() if present.get(path) != wanted[path]}
        for other, paths in owned.items()
        if other != me
    }
    if any(contested.values()) and not force:
        raise _contested(resource, contested)
    others = {other: paths - contested[other] for other, paths in owned.items() if other != me}
    gone = owned.get(me, set()) - wanted.keys() - set().union(*others.values())
    result: Object = _without(merged(live, config, keys), gone, keys)
    return _owned(resource, live, result, others | {me: set(wanted)})


def updated(resource: Resource, former: Object | None, new: Object, manager: str) -> Object:
    """Note that a manager has set what differs between two states of an object."""
    keys, me = merge_keys(custom=resource.custom), (manager, "Update")
    before, after = fields_of(former or {}, keys), fields_of(new, keys)
    touched = {path for path in {**before, **after} if path not in after or before.get(path, ...) != after[path]}
    owned = {other: paths - touched for other, paths in owners_of(former or {}).items()}
    owned[me] = owned.get(me, set()) | (touched & after.keys())
    return _owned(resource, former or {}, new, owned)


def owners_of(found: Object) -> dict[Manager, set[Path]]:
    """Read who has set which fields of an object."""
    entries = (found.get("metadata") or {}).get("managedFields") or []
    return {(each["manager"], each["operation"]): set(_paths_in(each["fieldsV1"])) for each in entries}


def fields_of(found: Object, keys: Keys) -> dict[Path, Any]:
    """Give the fields of an object that managers set, with their values."""
    own = {name: value for name, value in found.items() if name not in {"apiVersion", "kind", "metadata", "status"}}
    metadata = {name: value for name, value in (found.get("metadata") or {}).items() if name in METADATA}
    return dict(_fields({**own, "metadata": metadata} if metadata else own, keys, ())) if own or metadata else {}


def _fields(value: Any, keys: Keys, path: Path) -> Iterator[tuple[Path, Any]]:
    if not isinstance(value, dict) or not value:
        yield path, value
        return
    for name, inner in value.items():
        here = (*path, f"f:{name}")
        if key := key_of(name, inner, keys):
            for element in inner:
                place = (*here, _place(key, element))
                yield (*place, "."), None
                yield from _fields(element, keys, place)
        else:
            yield from _fields(inner, keys, here)


def _without(value: Any, gone: set[Path], keys: Keys, path: Path = ()) -> Any:
    if not isinstance(value, dict):
        return value
    result = {}
    for name, inner in value.items():
        here = (*path, f"f:{name}")
        if here in gone:
            continue
        if key := key_of(name, inner, keys):
            places = {_place(key, element): element for element in inner}
            kept: Any = [
                _without(element, gone, keys, (*here, place))
                for place, element in places.items()
                if (*here, place, ".") not in gone
            ]
        else:
            kept = _without(inner, gone, keys, here)
        if kept or kept == inner:
            result[name] = kept
    return result


def _place(key: str, element: Object) -> str:
    return "k:" + json.dumps({key: element[key]}, separators=(",", ":"))


def _owned(resource: Resource, former: Object, new: Object, owned: Mapping[Manager, set[Path]]) -> Object:
    # An entry that says what it said keeps its time: a change of nothing must be none.
    known = {(each["manager"], each["operation"]): each for each in former.get("metadata", {}).get("managedFields") or []}
    entries = []
    for (name, operation), paths in sorted(owned.items()):
        tree = _tree(paths)
        entry = {"manager": name, "operation": operation, "apiVersion": resource.api_version, "fieldsType": "FieldsV1"}
        same = known.get((name, operation), {}).get("fieldsV1") == tree
        time = known[name, operation]["time"] if same else timestamp()
        if paths:
            entries.append(entry | {"time": time, "fieldsV1": tree})
    return new | {"metadata": new["metadata"] | {"managedFields": entries}}


def _tree(paths: Iterable[Path]) -> Object:
    tree: Object = {}
    for path in sorted(paths):
        inner = tree
        for part in path:
            inner = inner.setdefault(part, {})
    return tree


def _paths_in(tree: Object, path: Path = ()) -> Iterator[Path]:
    for part, inner in tree.items():
        if inner:
            yield from _paths_in(inner, (*path, part))
        else:
            yield (*path, part)


def _contested(resource: Resource, contested: Mapping[Manager, set[Path]]) -> Refused:
    causes = [
        (_shown(path), f'conflict with "{name}"' + (f" using {resource.api_version}" if operation == "Update" else ""))
        for (name, operation), paths in contested.items()
        for path in sorted(paths)
    ]
    told = "; ".join(f"{message}: {field}" for field, message in causes)
    message = f"Apply failed with {len(causes)} conflict{'s' if len(causes) > 1 else ''}: {told}"
    return Refused(409, message, causes=tuple(causes), cause="FieldManagerConflict")


def _shown(path: Path) -> str:
    return "".join(f".{part[2:]}" if part.startswith("f:") else f"[{part[3:-1]}]" for part in path if part != ".")
