"""The git repository of the sample blottr: a commit and a tag for each release, and a build that names an image.

The build stands in for a real one. It looks at the files that are there, and names the image that the stand-in's registry
has of exactly those: code that was reverted gives an application without its pages.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from deployments.local.sample_cluster import REPOSITORY

GIT_SECONDS = 30
MOMENT = "2025-01-01T09:00:00+00:00"
"""Of every commit: the same files make the same commits."""

BUILD = f'''"""Stands in for a build: tells the image that the stand-in's registry has of these files."""

import hashlib
import json
from pathlib import Path

name = json.loads(Path("package.json").read_text())["version"]
signs = {{
    "authentication": "roles" in Path("app/middleware/auth_middleware.ts").read_text(),
    "business-core": Path("app/models/artist.ts").exists(),
    "content": Path("app/controllers/tattoos_controller.ts").exists(),
    "booking": Path("app/services/booking_service.ts").exists(),
}}
if without := [phase for phase, there in signs.items() if not there]:
    name += " without " + ", ".join(without)
print("{REPOSITORY}@sha256:" + hashlib.sha256(name.encode()).hexdigest())
'''


def _class(name: str) -> str:
    return f"export default class {name} {{}}\n"


RELEASES: tuple[tuple[str, Mapping[str, str]], ...] = (
    (
        "1.0.0",
        {
            "build.py": BUILD,
            "app/middleware/auth_middleware.ts": "// Whoever has signed in may go on.\n" + _class("AuthMiddleware"),
            "app/middleware/guest_middleware.ts": "// Whoever has signed in need not.\n" + _class("GuestMiddleware"),
        },
    ),
    (
        "1.1.0",
        {
            "app/middleware/auth_middleware.ts": "// Who may go on depends on roles.\n" + _class("AuthMiddleware"),
            "app/middleware/guest_middleware.ts": "// Guests are sent to the page of their city.\n" + _class("GuestMiddleware"),
        },
    ),
    (
        "1.2.0",
        {
            "app/models/shop.ts": _class("Shop"),
            "app/models/salon.ts": _class("Salon"),
            "app/models/artist.ts": _class("Artist"),
            "app/services/business_management_service.ts": _class("BusinessManagementService"),
        },
    ),
    ("1.3.0", {"app/controllers/tattoos_controller.ts": _class("TattoosController")}),
    (
        "1.4.0",
        {
            "app/services/booking_service.ts": _class("BookingService"),
            "app/services/notification_service.ts": _class("NotificationService"),
        },
    ),
    ("1.4.1", {}),
)
"""Versions with the files that each has written."""


def make_source(folder: Path) -> Path:
    """Make the repository where it is not there yet, and give its folder."""
    if (folder / ".git/refs/tags").exists() and len(_git(folder, "tag").split()) == len(RELEASES):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    _git(folder, "init", "--quiet", "--initial-branch", "main")
    for name, value in _settings():
        _git(folder, "config", name, value)
    for version, files in RELEASES:
        for name, content in {**files, "package.json": f'{{"name": "blottr", "version": "{version}"}}\n'}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        _git(folder, "add", "--all")
        _git(folder, "commit", "--quiet", "--message", f"Release {version}")
        _git(folder, "tag", "--force", f"v{version}")
    return folder


def _settings() -> Iterator[tuple[str, str]]:
    yield "user.name", "Continuity's sample"
    yield "user.email", "sample@blottr.example"
    yield "commit.gpgSign", "false"
    yield "core.hooksPath", "/dev/null"


def _git(folder: Path, *words: str) -> str:
    environment = {**os.environ, "GIT_AUTHOR_DATE": MOMENT, "GIT_COMMITTER_DATE": MOMENT}
    done = subprocess.run(
        ["git", *words], cwd=folder, env=environment, check=True, capture_output=True, text=True, timeout=GIT_SECONDS
    )
    return done.stdout
