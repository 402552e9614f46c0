"""The registry: which local command an image stands for. A file, read anew each time, so that images can be pushed.

{"images": [{"repository": "registry.example/blottr", "digest": "sha256:…", "tags": ["1.4.0"], "argv": ["/bin/…"]}]}
"""

import json
from pathlib import Path


def pull(registry: Path, reference: str) -> tuple[str, list[str]] | None:
    """Find what a reference by digest or by tag means: the reference by digest that a pod reports, and the command."""
    named, _, digest = reference.partition("@")
    head, _, last = named.rpartition("/")
    last, _, tag = last.partition(":")
    repository = f"{head}/{last}" if head else last
    for each in json.loads(registry.read_text(encoding="utf-8"))["images"]:
        meant = each["digest"] == digest if digest else (tag or "latest") in each.get("tags", ())
        if each["repository"] == repository and meant:
            return f"{repository}@{each['digest']}", each["argv"]
    return None
