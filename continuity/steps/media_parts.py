"""What a step on media has done, as numbered objects of the vault that are created once: its cursor, and what undo reads."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from continuity.adapters.media_lists import read_results, write_results
from continuity.adapters.vault import Vault
from continuity.domain.media_rollback import Result
from continuity.errors import AlreadyStored, DamagedObject, Overtaken

_PART = re.compile(r"(?P<number>\d{6})\.jsonl\.zst")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts below one folder. A part is announced before it is begun, so that a repetition knows that it is one."""

    vault: Vault
    folder: str

    def count(self) -> int:
        """Return how many parts are done: the cursor.

        Raises:
            DamagedObject: one is missing in between.

        """
        found = [each.key.removeprefix(self.folder) for each in self.vault.list(self.folder)]
        numbers = [int(part["number"]) for key in found if (part := _PART.fullmatch(key))]
        if numbers != list(range(1, len(numbers) + 1)):
            raise DamagedObject(f"the parts of {self.folder} have a gap: {numbers[-1]} is there, {len(numbers)} are in all")
        return len(numbers)

    def begun(self, number: int) -> bool:
        """Whether somebody has begun a part."""
        return any(self.vault.list(self._key(number, "begun")))

    def begin(self, number: int) -> None:
        """Announce a part. Doing it again changes nothing."""
        self.vault.create(self._key(number, "begun"), b"begun\n")

    def store(self, number: int, results: Sequence[Result]) -> None:
        """Store what was done.

        Raises:
            Overtaken: another process has stored this part.

        """
        try:
            self.vault.create(self._key(number, "jsonl.zst"), write_results(results))
        except AlreadyStored as error:
            raise Overtaken(
                f"part {number} of {self.folder} was stored by another process", hint="See who holds the application."
            ) from error

    def read(self) -> Iterator[Result]:
        """Stream everything that was done, in order."""
        for number in range(1, self.count() + 1):
            yield from self.read_part(number)

    def read_part(self, number: int) -> Iterator[Result]:
        """Stream one part."""
        return read_results(self.vault, self._key(number, "jsonl.zst"))

    @property
    def ended(self) -> bool:
        """Whether all of it is done."""
        return any(self.vault.list(f"{self.folder}end"))

    def end(self) -> None:
        """Say that all of it is done. Doing it again changes nothing."""
        self.vault.create(f"{self.folder}end", b"end\n")

    def _key(self, number: int, suffix: str) -> str:
        return f"{self.folder}{number:06}.{suffix}"
