"""The ways of changing an object in part: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge patch."""

import copy
from typing import Any

from deployments.local.kubernetes.refusals import Object, Refused

# Lists of objects that strategic merge patches merge by a key (API reference, "patch strategy: merge"); other lists are
# replaced whole.
MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "ports": "containerPort",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "ownerReferences": "uid",
    "conditions": "type",
}
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"


def patched(target: Object, patch: Any, *, kind: str, custom: bool) -> Object:
    """Give the patched copy of an object; `kind` is the request's content type.

    Raises:
        Refused: the patch cannot be applied, or is of a kind that objects of this kind do not take.

    """
    if kind == JSON_PATCH:
        return _json_patched(target, patch)
    if not isinstance(patch, dict):
        raise Refused(400, "the patch is not an object")
    if kind == MERGE_PATCH:
        merged: Object = _merged(target, patch)
        return merged
    if kind == STRATEGIC_PATCH and not custom:
        return _strategically_merged(target, patch)
    raise Refused(415, f"patches of the type {kind} are not supported for this object")


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result


def _strategically_merged(target: Object, patch: Object) -> Object:
    if patch.get("$patch") == "replace":
        return {name: value for name, value in patch.items() if name != "$patch"}
    result = dict(target)
    for name, value in patch.items():
        if name.startswith("$setElementOrder/"):
            continue
        if name.startswith("$"):
            raise Refused(422, f"the stand-in does not know the directive {name}")
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            former = result.get(name)
            result[name] = _strategically_merged(former if isinstance(former, dict) else {}, value)
        elif isinstance(value, list) and name in MERGE_KEYS and all(isinstance(each, dict) for each in value):
            result[name] = _merged_list(result.get(name) or [], value, MERGE_KEYS[name])
        elif name == "finalizers":
            result[name] = list(dict.fromkeys([*(result.get(name) or []), *value]))
        else:
            result[name] = copy.deepcopy(value)
    return result


def _merged_list(target: list[Object], patch: list[Object], key: str) -> list[Object]:
    if any(each.get("$patch") == "replace" for each in patch):
        return [each for each in patch if each.get("$patch") != "replace"]
    result = list(target)
    for each in patch:
        if key not in each:
            raise Refused(400, f"an element of the patch lacks its merge key {key}")
        places = [place for place, former in enumerate(result) if former.get(key) == each[key]]
        if each.get("$patch") == "delete":
            result = [former for former in result if former.get(key) != each[key]]
        elif places:
            result[places[0]] = _strategically_merged(result[places[0]], each)
        else:
            result.append(_strategically_merged({}, each))
    return result


def _json_patched(target: Object, operations: Any) -> Object:
    result: Any = copy.deepcopy(target)
    if not isinstance(operations, list):
        raise Refused(400, "a JSON patch is a list of operations")
    for each in operations:
        try:
            result = _performed(result, each)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise Refused(422, f"the operation {each} cannot be applied: {error!r}") from error
    final: Object = result
    return final


def _performed(document: Any, operation: Object) -> Any:
    kind, path = operation["op"], _pointer(operation["path"])
    if kind == "test":
        if _at(document, path) != operation["value"]:
            raise ValueError("the value is another")
        return document
    if not path:
        return copy.deepcopy(operation["value"])
    parent, last = _at(document, path[:-1]), path[-1]
    place: Any = last
    if isinstance(parent, list):
        place = len(parent) if last == "-" and kind == "add" else int(last)
    if kind == "remove":
        del parent[place]
    elif kind == "add" and isinstance(parent, list):
        parent.insert(place, operation["value"])
    elif kind == "add":
        parent[place] = operation["value"]
    elif kind == "replace":
        _at(document, path)
        parent[place] = operation["value"]
    else:
        raise ValueError(f"no operation {kind}")
    return document


def _pointer(text: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _at(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document
