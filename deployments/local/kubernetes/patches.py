"""The ways of changing an object in part: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge patch."""

import copy
from collections.abc import Mapping
from typing import Any

import jsonpatch
import jsonpointer

from deployments.local.kubernetes.refusals import Object, Refused

Keys = Mapping[str, tuple[str, ...]]
MERGE_KEYS: Keys = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "ports": ("containerPort", "port"),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "ownerReferences": ("uid",),
}
"""Lists of objects that are merged by a key (API reference, "patch strategy: merge"); others are replaced whole."""
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"


def merge_keys(*, custom: bool) -> Keys:
    """Give the lists of a kind of object that are merged by a key; custom objects have none."""
    return {} if custom else MERGE_KEYS


def patched(target: Object, patch: Any, *, kind: str, custom: bool) -> Object:
    """Give the patched copy of an object; `kind` is the request's content type.

    Raises:
        Refused: the patch cannot be applied, or is of a kind that objects of this kind do not take.

    """
    if kind == JSON_PATCH:
        try:
            result: Object = jsonpatch.apply_patch(target, patch)
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError) as error:
            raise Refused(422, f"the JSON patch cannot be applied: {error}") from error
        return result
    if not isinstance(patch, dict):
        raise Refused(400, "the patch is not an object")
    if kind == MERGE_PATCH or (kind == STRATEGIC_PATCH and not custom):
        laid: Object = merged(target, patch, merge_keys(custom=kind == MERGE_PATCH))
        return laid
    raise Refused(415, f"patches of the type {kind} are not supported for this object")


def merged(target: Any, patch: Any, keys: Keys) -> Any:
    """Lay a patch over a value: objects are merged, null removes, lists are merged by their `keys` or replaced."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if name.startswith("$"):
            raise Refused(422, f"the stand-in does not know the directive {name}")
        if value is None:
            result.pop(name, None)
        elif key := key_of(name, value, keys):
            result[name] = _merged_list(result.get(name) or [], value, key, keys)
        else:
            result[name] = merged(result.get(name), value, keys)
    return result


def key_of(name: str, value: Any, keys: Keys) -> str:
    """Give the key by which the elements of a list are told apart, "" where it is replaced whole."""
    if name not in keys or not isinstance(value, list) or not value:
        return ""
    key = next((key for key in keys[name] if all(key in each for each in value)), "")
    if not key:
        raise Refused(400, f"an element of {name} lacks its merge key {' or '.join(keys[name])}")
    return key


def _merged_list(target: list[Object], patch: list[Object], key: str, keys: Keys) -> list[Object]:
    given = {each[key]: each for each in patch}
    kept = [merged(each, given.pop(each[key], {}), keys) for each in target]
    return kept + [merged({}, each, keys) for each in given.values()]
