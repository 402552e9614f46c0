"""Manifests applied by the server (Kubernetes, "Server-Side Apply"): tried first, never forced unasked, told by name alone."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from continuity.adapters.cluster import Cluster, Document
from continuity.domain.manifests import Manifest, Wave
from continuity.errors import ClusterError, FieldConflict, NotInCluster, UnsafeOperation

MANAGER = "continuity"
APPLY = "application/apply-patch+yaml"
KNOWN_SECONDS, POLL_SECONDS = 30.0, 0.3
KEPT = frozenset({"Namespace", "CustomResourceDefinition", "PersistentVolumeClaim", "PersistentVolume"})
"""Kinds that are never deleted again: others' objects, or data, would go with them."""


class Found(StrEnum):
    """How an object on the cluster compares with its manifest."""

    ABSENT = "absent"
    SAME = "same"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An object as it was found. `uid` is "" where there is none."""

    found: Found
    uid: str = ""


@dataclass(frozen=True, kw_only=True)
class Applier:
    """Applies manifests to a cluster, as the field manager `continuity`. `force` takes fields over from other managers."""

    cluster: Cluster
    force: bool = False
    _kinds: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict, repr=False)
    """By apiVersion and kind: the plural, and whether objects stand in a namespace."""

    def try_all(self, manifests: Sequence[Manifest]) -> Mapping[str, Seen]:
        """Let the server go through applying all of them without keeping anything; return how each was found.

        What needs a namespace or a kind that these manifests bring themselves can be tried only once that is there.

        Raises:
            UnsafeOperation: some would be refused; each is named, with the reason. Nothing was changed.
            ClusterError: the cluster could not be asked.

        """
        brought = {each.defines or ("", each.name) for each in manifests if each.wave in {Wave.NAMESPACES, Wave.DEFINITIONS}}
        seen: dict[str, Seen] = {}
        refused: list[str] = []
        for manifest in manifests:
            try:
                seen[str(manifest)] = self.look(manifest, brought=brought)
            except ClusterError as error:
                if error.transient:
                    raise
                refused.append(f"{manifest} ({manifest.source}): {error.message}")
                refused += [f"  {line}" for line in error.detail.splitlines()]
        if refused:
            raise UnsafeOperation(
                f"the cluster would refuse {refused[0]}",
                detail="\n".join(refused),
                hint="Mend the manifests, or let the managers that are named give the fields up; nothing was changed.",
            )
        return seen

    def look(self, manifest: Manifest, *, brought: Collection[tuple[str, str]] = ()) -> Seen:
        """Compare an object with its manifest, as the server would leave it; nothing is kept.

        `brought` are groups and kinds, and namespaces as ("", name), that will be there only later.

        Raises:
            FieldConflict: other managers have set fields otherwise.
            NotInCluster: its namespace or its kind is not there.
            ClusterError: it would be refused.

        """
        group = manifest.api_version.rpartition("/")[0]
        if (group, manifest.kind) in brought and not self._known(manifest):
            return Seen(found=Found.ABSENT)
        live = self._read(manifest)
        if live is None and ("", manifest.namespace) in brought and not self._namespace_is_there(manifest.namespace):
            return Seen(found=Found.ABSENT)
        tried = self._apply(manifest, dry=True)
        if live is None:
            return Seen(found=Found.ABSENT)
        if "deletionTimestamp" in live["metadata"]:
            raise ClusterError(f"{manifest} is being deleted", hint="Wait until it is gone.")
        same = _compared(live, manifest) == _compared(tried, manifest)
        return Seen(found=Found.SAME if same else Found.OTHER, uid=live["metadata"]["uid"])

    def apply(self, manifest: Manifest) -> str:
        """Bring an object about, and return its uid. Run twice, it changes once.

        Raises:
            FieldConflict: other managers have set fields otherwise; nothing of the object was changed.
            ClusterError: not done; transient where it may go through later.

        """
        uid = str(self._apply(manifest, dry=False)["metadata"]["uid"])
        if manifest.wave is Wave.DEFINITIONS:
            self._await_definition(manifest)
        return uid

    def remove(self, manifest: Manifest) -> bool:
        """Delete an object that we have made; return whether it is there no more. Run twice, it deletes once.

        Namespaces, definitions and volumes stay, and so does what is not ours.

        Raises:
            ClusterError: not done; transient where it may go through later.

        """
        try:
            live = self._read(manifest)
        except NotInCluster:
            return True
        if live is None:
            return True
        if manifest.kind in KEPT or not _is_ours(live):
            return False
        options = {"preconditions": {"uid": live["metadata"]["uid"]}, "propagationPolicy": "Background"}
        try:
            self._ask(manifest, "delete", "DELETE", body=options)
        except NotInCluster:
            return True
        return True

    def _read(self, manifest: Manifest) -> Document | None:
        path = self._path(manifest)
        try:
            return self._ask(manifest, "read", "GET", path=path)
        except NotInCluster:
            return None

    def _apply(self, manifest: Manifest, *, dry: bool) -> Document:
        # Strict: a misspelt field is refused, and not left out in silence.
        query = {"fieldManager": MANAGER, "force": str(self.force).lower(), "fieldValidation": "Strict"}
        query |= {"dryRun": "All"} if dry else {}
        verb = "try" if dry else "apply"
        return self._ask(manifest, verb, "PATCH", query=query, body=dict(manifest.content), content_type=APPLY)

    def _ask(self, manifest: Manifest, verb: str, method: str, *, path: str = "", **options: Any) -> Document:
        try:
            return self.cluster.request(f"{verb} {manifest}", method, path or self._path(manifest), **options)
        except (NotInCluster, FieldConflict):
            raise
        except ClusterError as error:
            if not manifest.is_secret:
                raise
            # What the server says may quote the contents, and so may the error that ours comes from.
            kind, told = type(error), f"{verb} {manifest} at {self.cluster.host}: refused"
            hidden = kind(f"{told}; the reason is not shown, since it may quote it", transient=error.transient)
        raise hidden

    def _path(self, manifest: Manifest) -> str:
        known = self._known(manifest)
        if known is None:
            raise NotInCluster(
                f"the cluster knows no {manifest.kind} of {manifest.api_version}",
                hint="Install what defines it, or put its definition into the manifests.",
            )
        plural, namespaced = known
        if namespaced != bool(manifest.namespace):
            what = "stands in no namespace" if namespaced else "can stand in no namespace"
            raise ClusterError(f"{manifest} {what}", hint="Mend metadata.namespace in its manifest.")
        within = f"namespaces/{manifest.namespace}/" if namespaced else ""
        return f"{_root(manifest.api_version)}/{within}{plural}/{manifest.name}"

    def _known(self, manifest: Manifest) -> tuple[str, bool] | None:
        version = manifest.api_version
        if manifest.kind not in self._kinds.get(version, {}):
            try:
                listed = self.cluster.request(f"list the kinds of {version}", "GET", _root(version))["resources"]
            except NotInCluster:
                return None
            whole = [each for each in listed if "/" not in each["name"]]
            self._kinds[version] = {each["kind"]: (each["name"], bool(each["namespaced"])) for each in whole}
        return self._kinds[version].get(manifest.kind)

    def _namespace_is_there(self, name: str) -> bool:
        try:
            self.cluster.request(f"read namespace {name}", "GET", f"/api/v1/namespaces/{name}")
        except NotInCluster:
            return False
        return True

    def _await_definition(self, manifest: Manifest) -> None:
        """Wait until the cluster serves what a definition brings."""
        group, kind = manifest.defines or ("", "")
        versions = [each["name"] for each in manifest.content["spec"]["versions"] if each.get("served", True)]
        deadline = time.monotonic() + KNOWN_SECONDS
        for version in versions:
            probe = Manifest(api_version=f"{group}/{version}", kind=kind, name="", content={})
            while self._known(probe) is None:
                if time.monotonic() > deadline:
                    raise ClusterError(
                        f"{manifest} is not served after {KNOWN_SECONDS:g} s",
                        hint="Look at the definition's conditions.",
                        transient=True,
                    )
                time.sleep(POLL_SECONDS)


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _is_ours(live: Document) -> bool:
    entries = [each for each in live["metadata"].get("managedFields", []) if not each.get("subresource")]
    # Of an object that says nothing but its name nobody has set anything.
    return not entries or any((each["manager"], each["operation"]) == (MANAGER, "Apply") for each in entries)


def _compared(found: Document, manifest: Manifest) -> Document:
    """Return what of an object a manifest is about: what controllers write of their own does not count."""
    wanted = manifest.content["metadata"]
    metadata = {
        part: {name: found["metadata"].get(part, {}).get(name) for name in wanted.get(part) or {}}
        for part in ("labels", "annotations")
    }
    return {**{name: value for name, value in found.items() if name not in {"metadata", "status"}}, "metadata": metadata}
