"""Manifests as files: YAML of several documents, read so that a value is what the cluster's own tools would read."""

import json
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from continuity.domain.manifests import Manifest
from continuity.errors import ConfigurationRefused

SUFFIXES = (".yaml", ".yml", ".json")
NOT_MANIFESTS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """The safe loader, that takes no text for a date and lets no key stand twice."""

    yaml_implicit_resolvers = {  # noqa: RUF012 -- as the class above has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 -- as the class above has it
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge"]
        if twice := {name for name in names if names.count(name) > 1}:
            raise yaml.constructor.ConstructorError(None, None, f"the key {min(twice)!r} stands twice", node.start_mark)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def read_manifests(directory: Path) -> tuple[Manifest, ...]:
    """Read the manifests of a directory and of those below it, in the order of paths and documents; lists are taken apart.

    Raises:
        ConfigurationRefused: there are none, a file is not YAML, or a document is no object of Kubernetes with a name, or
            stands there twice. Messages name file and document, never a content: it may be a secret.

    """
    paths = sorted(path for path in directory.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    if any(path.name in NOT_MANIFESTS for path in paths):
        raise ConfigurationRefused(
            f"{directory} holds a kustomization, which has to be built first",
            hint="Write what `kubectl kustomize` gives into a directory, and name that.",
        )
    manifests = tuple(manifest for path in paths for manifest in _documents(path, directory))
    if not manifests:
        raise ConfigurationRefused(f"{directory} holds no manifests", hint="Name a directory with *.yaml files.")
    named = [(each.api_version.rpartition("/")[0], str(each)) for each in manifests]
    if twice := [each for each, name in zip(manifests, named, strict=True) if named.count(name) > 1]:
        sources = " and ".join(each.source for each in twice if str(each) == str(twice[0]))
        raise ConfigurationRefused(f"{twice[0]} stands twice, in {sources}", hint="Remove one of them.")
    return manifests


def _documents(path: Path, directory: Path) -> Iterator[Manifest]:
    try:
        documents = list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=_Loader))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationRefused(f"{path} cannot be read: {type(error).__name__}", hint="Check it.") from error
    except yaml.YAMLError as error:
        # The error quotes the line, which may be of a Secret.
        raise _refused(path, error) from None
    for number, written in enumerate(documents, start=1):
        source = f"{path.relative_to(directory)}, document {number}"
        try:
            # As it will be sent: keys are texts, and what JSON cannot hold is no manifest.
            document = json.loads(json.dumps(written))
        except (TypeError, ValueError) as error:
            raise ConfigurationRefused(f"{source} holds what is no JSON: {error}", hint="Mend it.") from None
        for each in document["items"] if _is_list(document) else [document]:
            if each is not None:
                yield _manifest(each, source)


def _refused(path: Path, error: yaml.YAMLError) -> ConfigurationRefused:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f", line {mark.line + 1}" if mark else ""
    return ConfigurationRefused(f"{path}{where} is not valid YAML", hint="Mend the line that is named.")


def _is_list(document: Any) -> bool:
    return isinstance(document, dict) and document.get("kind") == "List" and isinstance(document.get("items"), list)


def _manifest(document: Any, source: str) -> Manifest:
    try:
        api_version, kind, metadata = document["apiVersion"], document["kind"], document["metadata"]
        name, namespace = metadata["name"], metadata.get("namespace") or ""
    except (KeyError, TypeError, AttributeError):
        name = ""
    if not name or not all(isinstance(each, str) for each in (api_version, kind, name, namespace)):
        raise ConfigurationRefused(
            f"{source} is no object of Kubernetes with apiVersion, kind and metadata.name", hint="Mend it, or take it away."
        )
    return Manifest(
        api_version=api_version, kind=kind, name=name, namespace=namespace, content=document, source=source
    )  # fmt: skip
