"""The objects of the stand-in: in memory, numbered by one rising resource version, kept in a file, and watched.

Objects go in and come out as copies. Every change is written to the file before it is answered, by a rename, without
fsync: it outlives the process, not the machine.
"""

import copy
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployments.local.kubernetes.refusals import Object, Refused, not_found
from deployments.local.kubernetes.resources import BUILT_IN, DEFINITIONS, Resource, defined_resources

EVENTS_KEPT = 4096
Key = tuple[str, str, str, str]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One change: ADDED, MODIFIED or DELETED."""

    version: int
    type: str
    resource: Resource
    object: Object


def key_of(resource: Resource, namespace: str, name: str) -> Key:
    """Say where an object is kept; versions of one group share their objects."""
    return (resource.group, resource.plural, namespace if resource.namespaced else "", name)


class Store:
    """All objects. `lock` may be held by the caller to read and write in one go; `changed` wakes who waits."""

    def __init__(self, path: Path, declared: tuple[Resource, ...] = ()) -> None:
        self._path = path
        self._declared = declared
        self._objects: dict[Key, Object] = {}
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.version = 1
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            self.version = kept["version"]
            self._objects = {tuple(each["key"]): each["object"] for each in kept["objects"]}
        # Events of a former process are gone: whoever watches from before is told so (410), and lists again.
        self._forgotten = self.version

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Give the kinds that there are now: built in, declared, and brought by CustomResourceDefinitions."""
        return (*BUILT_IN, *self._declared, *defined_resources(self.list(DEFINITIONS)))

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """Give an object, or None."""
        with self.lock:
            return copy.deepcopy(self._objects.get(key_of(resource, namespace, name)))

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """Give an object, or refuse with 404."""
        found = self.find(resource, namespace, name)
        if found is None:
            raise not_found(resource.title, name)
        return found

    def list(self, resource: Resource, namespace: str = "") -> list[Object]:
        """Give the objects of a kind, in one namespace or in all."""
        wanted = (resource.group, resource.plural)
        with self.lock:
            found = [(key, each) for key, each in self._objects.items() if key[:2] == wanted and namespace in {"", key[2]}]
            return [copy.deepcopy(each) for _, each in sorted(found, key=lambda pair: pair[0])]

    def write(self, resource: Resource, written: Object) -> Object:
        """Keep an object and number it anew; one that equals what is there is no change and keeps its number."""
        metadata = written["metadata"]
        key = key_of(resource, metadata.get("namespace", ""), metadata["name"])
        with self.changed:
            former = self._objects.get(key)
            kept = copy.deepcopy(written)
            if former is not None:
                kept["metadata"]["resourceVersion"] = former["metadata"]["resourceVersion"]
                if kept == former:
                    return kept
            self._number(kept)
            self._objects[key] = kept
            self._record("MODIFIED" if former else "ADDED", resource, kept)
            return copy.deepcopy(kept)

    def update(self, resource: Resource, namespace: str, name: str, change: Callable[[Object], None]) -> Object | None:
        """Change an object in place, in one go; None when it is gone."""
        with self.lock:
            found = self.find(resource, namespace, name)
            if found is None:
                return None
            change(found)
            return self.write(resource, found)

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """Forget an object; does nothing when it is gone."""
        with self.changed:
            former = self._objects.pop(key_of(resource, namespace, name), None)
            if former is not None:
                self._number(former)
                self._record("DELETED", resource, former)

    def within(self, namespace: str) -> tuple[tuple[Resource, Object], ...]:
        """Give everything that stands in a namespace."""
        namespaced = [each for each in self.resources if each.namespaced]
        return tuple((resource, each) for resource in namespaced for each in self.list(resource, namespace))

    def follow(self, resource: Resource, since: int, *, until: float) -> Iterator[Event]:
        """Give the events of a kind after a version as they come, until a moment of the monotonic clock.

        Raises:
            Refused: the events since then are no longer known.

        """
        with self.lock:
            oldest = self._events[0].version - 1 if len(self._events) == EVENTS_KEPT else self._forgotten
            if since < oldest:
                raise Refused(410, f"too old resource version: {since} ({oldest})")
        while time.monotonic() < until:
            with self.changed:
                fresh = [each for each in self._events if each.version > since]
                if not fresh:
                    self.changed.wait(min(1.0, max(0.0, until - time.monotonic())))
                    continue
            since = fresh[-1].version
            yield from (each for each in fresh if each.resource == resource)

    @contextmanager
    def awaiting_change(self, seconds: float) -> Iterator[None]:
        """Do the block, then wait until something has changed, at most for so long."""
        before = self.version
        yield
        with self.changed:
            if self.version == before:
                self.changed.wait(seconds)

    def _number(self, numbered: Object) -> None:
        self.version += 1
        numbered["metadata"]["resourceVersion"] = str(self.version)

    def _record(self, kind: str, resource: Resource, changed: Object) -> None:
        self._events.append(Event(version=self.version, type=kind, resource=resource, object=copy.deepcopy(changed)))
        kept = {"version": self.version, "objects": [{"key": key, "object": each} for key, each in self._objects.items()]}
        draft = self._path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(kept, file)
        draft.replace(self._path)
        self.changed.notify_all()
