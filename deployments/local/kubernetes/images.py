"""The registry: which local command an image stands for. A file, read anew each time, so that images can be pushed.

{"images": [{"repository": "registry.example/blottr", "digest": "sha256:…", "tags": ["1.4.0"], "argv": ["/bin/…"]}]}
"""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image: its entry point on this machine, and the reference by digest that a pod reports."""

    repository: str
    digest: str
    tags: tuple[str, ...]
    argv: tuple[str, ...]

    @property
    def reference(self) -> str:
        """Give the reference that can never mean another image."""
        return f"{self.repository}@{self.digest}"


def pull(registry: Path, reference: str) -> Image | None:
    """Find the image that a reference by digest or by tag means; None where there is none."""
    named, _, digest = reference.partition("@")
    head, _, last = named.rpartition("/")
    last, _, tag = last.partition(":")
    repository = f"{head}/{last}" if head else last
    for each in json.loads(registry.read_text(encoding="utf-8"))["images"]:
        image = Image(
            repository=each["repository"], digest=each["digest"], tags=tuple(each.get("tags", ())), argv=tuple(each["argv"])
        )
        if image.repository == repository and (image.digest == digest if digest else (tag or "latest") in image.tags):
            return image
    return None
