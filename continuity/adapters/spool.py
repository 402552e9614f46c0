"""Keeps what the vault does not take on this machine, in order, until it does."""

import logging
import os
from pathlib import Path
from urllib.parse import quote, unquote

from continuity.adapters.vault import Vault
from continuity.errors import VaultError

logger = logging.getLogger(__name__)


class Spool:
    """A folder of objects that are still to be created in the vault, named by their keys."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, key: str, data: bytes) -> None:
        """Write an object here, on the disk before this returns. Running it twice changes nothing.

        Raises:
            VaultError: this machine cannot keep it either.

        """
        path = self._folder / quote(key, safe="")
        draft = path.with_suffix(".new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            raise VaultError(f"neither the vault nor {self._folder} takes {key}: {error.strerror}") from error
        logger.warning("kept for the vault key=%s folder=%s", key, self._folder)

    def bring_in(self, vault: Vault) -> None:
        """Create in the vault what is kept here, in the order of the keys; each goes from here once it is there.

        Raises:
            VaultError: the vault does not take one; it and those after it stay.

        """
        if not self._folder.is_dir():
            return
        for path in sorted(self._folder.glob("*.json")):
            vault.create(unquote(path.name), path.read_bytes())
            path.unlink()
