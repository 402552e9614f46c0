"""How traffic is divided between the recovered side and the rest, in what routes and ingresses say of it. Pure.

Each way of dividing reads `weights` from an object as it stands there, computes the weights of a percentage from the former
ones, and writes weights into a merge patch. Weights are JSON, and go back exactly: also one that was not there.
"""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from continuity.errors import UnsafeOperation

Document = Mapping[str, Any]
Weights = Any
"""JSON, of which only the way of dividing knows the shape; compared as a whole."""

ALL = 100
DEFAULT_WEIGHT = 1
"""What a backend of an HTTPRoute has where it says nothing (Gateway API, HTTPBackendRef)."""
LARGEST_WEIGHT = 1_000_000
CANARY = "nginx.ingress.kubernetes.io/canary"
CANARY_WEIGHT, CANARY_TOTAL = f"{CANARY}-weight", f"{CANARY}-weight-total"


@dataclass(frozen=True, kw_only=True)
class RouteWeights:
    """The weights of an HTTPRoute's rules. `backend` is the recovered side: the name of a Service, of its own namespace."""

    backend: str
    group: str = "gateway.networking.k8s.io"
    version: str = "v1"
    plural: str = "httproutes"

    def read(self, found: Document) -> Weights:
        """Return of each rule with the backend its backends with their weights; None for a rule that is not about it.

        Raises:
            UnsafeOperation: no rule knows the backend, or one knows it twice.

        """
        rules = [rule.get("backendRefs", []) for rule in found["spec"].get("rules", [])]
        weights = [[[each["name"], each.get("weight")] for each in rule] if self._is_about(rule) else None for rule in rules]
        if not any(weights):
            raise UnsafeOperation(
                f"no rule of the route has the backend {self.backend!r}", hint="Mend `[shift] backend`, or the route."
            )
        if any([name for name, _ in rule].count(self.backend) > 1 for rule in weights if rule):
            raise UnsafeOperation(
                f"a rule of the route has the backend {self.backend!r} twice", hint="Give the recovered side one backend a rule."
            )
        return weights

    def percent(self, weights: Weights) -> float | None:
        """Return the part that the recovered side gets, None where the rules do not agree."""
        parts = {self._part(rule) for rule in weights if rule is not None}
        return parts.pop() if len(parts) == 1 else None

    def at(self, percent: int, former: Weights) -> Weights:
        """Give the recovered side its part; the rest goes to the others as it was divided among them before.

        Raises:
            UnsafeOperation: there is nobody else, and the recovered side is not to have all.

        """
        return [None if rule is None else self._divided(rule, percent) for rule in former]

    def patch(self, found: Document, weights: Weights) -> dict[str, Any]:
        """Write weights into the rules as they stand; a list of a custom object is replaced as a whole.

        Raises:
            UnsafeOperation: the rules have other backends than the weights are for.

        """
        now = self.read(found)
        if _names(now) != _names(weights):
            raise UnsafeOperation("the route has other backends than were recorded", hint="Make a new plan.")
        rules = copy.deepcopy(found["spec"]["rules"])
        for rule, wanted in zip(rules, weights, strict=True):
            for backend, (_, weight) in zip(rule["backendRefs"], wanted, strict=True) if wanted else ():
                backend.pop("weight", None)
                if weight is not None:
                    backend["weight"] = weight
        return {"spec": {"rules": rules}}

    def _is_about(self, rule: list[Any]) -> bool:
        return any(each["name"] == self.backend for each in rule)

    def _part(self, rule: list[Any]) -> float:
        counted = [(name, DEFAULT_WEIGHT if weight is None else weight) for name, weight in rule]
        total = sum(weight for _, weight in counted)
        return ALL * sum(weight for name, weight in counted if name == self.backend) / total if total else 0.0

    def _divided(self, rule: list[Any], percent: int) -> list[Any]:
        others = {
            place: DEFAULT_WEIGHT if weight is None else weight
            for place, (name, weight) in enumerate(rule)
            if name != self.backend
        }
        if not others and percent != ALL:
            raise UnsafeOperation(
                f"{ALL - percent} % of the visitors would get errors: the route has no backend but {self.backend!r}",
                hint="Add the old side or a maintenance page to the rule, with weight 0.",
            )
        if not any(others.values()):
            others = dict.fromkeys(others, 1)
        divisor = math.gcd(*others.values()) if others else 1
        shares = {place: weight // divisor for place, weight in others.items()}
        total = sum(shares.values()) or 1
        # Whatever the percentage is: no rung may turn out to be impossible when traffic is on its way.
        if ALL * total > LARGEST_WEIGHT:
            raise UnsafeOperation(
                f"the weights of the route are too fine to be divided in hundredths: {sorted(shares.values())}",
                hint="Give the other backends rounder weights.",
            )
        return [
            [name, (ALL - percent) * shares[place] if place in shares else percent * total]
            for place, (name, _) in enumerate(rule)
        ]


def _names(weights: Weights) -> list[Any]:
    return [rule and [name for name, _ in rule] for rule in weights]


@dataclass(frozen=True, kw_only=True)
class CanaryWeights:
    """The weight of a canary Ingress of ingress-nginx ("Canary", annotations): the recovered side is what it points to."""

    group: str = "networking.k8s.io"
    version: str = "v1"
    plural: str = "ingresses"

    def read(self, found: Document) -> Weights:
        """Return the annotations that divide traffic, None for one that is not there.

        Raises:
            UnsafeOperation: the Ingress is no canary, so that its weight means nothing.

        """
        annotations = found["metadata"].get("annotations", {})
        if annotations.get(CANARY) != "true":
            raise UnsafeOperation(f"the ingress has not the annotation {CANARY}: true", hint="Mend `[shift] ingress`.")
        return {name: annotations.get(name) for name in (CANARY_WEIGHT, CANARY_TOTAL)}

    def percent(self, weights: Weights) -> float | None:
        """Return the part that the canary gets, None where the annotations are no numbers."""
        try:
            return ALL * int(weights[CANARY_WEIGHT] or 0) / int(weights[CANARY_TOTAL] or ALL)
        except (ValueError, ZeroDivisionError):
            return None

    def at(self, percent: int, former: Weights) -> Weights:
        """Give the canary its part."""
        return {CANARY_WEIGHT: str(percent), CANARY_TOTAL: None if former[CANARY_TOTAL] is None else str(ALL)}

    def patch(self, _found: Document, weights: Weights) -> dict[str, Any]:
        """Write the annotations."""
        return {"metadata": {"annotations": dict(weights)}}


Division = RouteWeights | CanaryWeights
