"""Orders objects so that whatever depends on a thing comes before it. Pure."""

from collections.abc import Mapping

from continuity.domain.dependencies import ObjectId, Schema, SchemaObject


def dependents_first(schema: Schema, acted: Mapping[ObjectId, SchemaObject]) -> list[SchemaObject]:
    """Order what is acted on so that whatever depends on a thing comes before it.

    What depends on each other in a circle (tables by their keys) has no such order, and comes together. Tarjan's
    algorithm (1972): its components come out with everything that they need before them, so they are reversed.
    """
    needs = {key: sorted(found) for key, found in _needs_between(schema, acted).items()}
    index: dict[ObjectId, int] = {}
    low: dict[ObjectId, int] = {}
    stack: list[ObjectId] = []
    order: list[SchemaObject] = []

    def visit(key: ObjectId) -> None:
        index[key] = low[key] = len(index)
        stack.append(key)
        for needed in needs.get(key, ()):
            if needed not in index:
                visit(needed)
            if needed in stack:
                low[key] = min(low[key], low[needed])
        if low[key] == index[key]:
            circle = stack[stack.index(key) :]
            del stack[stack.index(key) :]
            order.extend(acted[each] for each in sorted(circle, reverse=True))

    for key in sorted(acted, key=lambda key: acted[key].identity, reverse=True):
        if key not in index:
            visit(key)
    return order[::-1]


def _needs_between(schema: Schema, acted: Mapping[ObjectId, SchemaObject]) -> dict[ObjectId, set[ObjectId]]:
    """Return which of the acted objects need which, by what is a part of them: a column's key is a need of the column."""
    parts_of: dict[ObjectId, set[ObjectId]] = {}
    for root in acted:
        waiting = [root]
        while waiting:
            key = waiting.pop()
            if root in parts_of.setdefault(key, set()) or (key in acted and key != root):
                continue
            parts_of[key].add(root)
            # The key of a partition is a part of its table's key, and still the partition's own.
            inner = [*schema.parts(key), *(need.dependent for need in schema.needed_by.get(key, ()) if need.within)]
            homes = {each: ObjectId("pg_class", schema.objects[each].table) for each in inner}
            waiting += (each for each, home in homes.items() if home == root or home not in acted)
    found: dict[ObjectId, set[ObjectId]] = {}
    for need in schema.needs:
        for dependent in parts_of.get(need.dependent, ()):
            found.setdefault(dependent, set()).update(parts_of.get(need.needed, set()) - {dependent})
    return found
