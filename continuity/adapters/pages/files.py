"""Pages as files and in the vault: `.html` for a browser, `.md` for everything else."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from continuity.adapters.pages.html import page_html
from continuity.adapters.vault import Vault
from continuity.domain.page import Page
from continuity.domain.page_markdown import page_markdown
from continuity.errors import AlreadyStored, ConfigurationRefused

WRITERS = {".html": page_html, ".md": page_markdown}


def write_page(page: Page, path: Path) -> None:
    """Write a page as a file, in one instant and in the place of an older one: whoever reads it sees a whole page.

    Raises:
        ConfigurationRefused: the name ends neither in .html nor in .md, or the file cannot be written.

    """
    writer = WRITERS.get(path.suffix)
    if writer is None:
        raise ConfigurationRefused(f"{path} is neither a .html nor a .md file", hint="Name the file by what it is to be.")
    text = writer(page)
    try:
        with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", encoding="utf-8", delete=False) as file:
            file.write(text)
        # A temporary file is its owner's alone; a page is there to be read, as the umask allows.
        Path(file.name).chmod(0o666 & ~_umask())
        Path(file.name).replace(path)
    except OSError as error:
        raise ConfigurationRefused(
            f"{path} cannot be written: {error.strerror}", hint="Name a file in a folder of yours."
        ) from error


def keep_page(vault: Vault, stem: str, page: Page) -> str:
    """Keep a page in the vault as Markdown and as HTML, and return the key of the latter. What is kept already stays."""
    for suffix, writer in WRITERS.items():
        with suppress(AlreadyStored):
            vault.create(f"{stem}{suffix}", writer(page).encode())
    return f"{stem}.html"


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
