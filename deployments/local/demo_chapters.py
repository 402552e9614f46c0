"""The chapters of a demonstration: claims, each told with its evidence as soon as it has come out."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from deployments.console import Terminal


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One claim of the story, whether it came out as claimed, and the evidence."""

    name: str
    held: bool
    evidence: str


class Chapters:
    """Tells chapters one by one, and at the end what they came to."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._told: list[Chapter] = []

    def tell(self, name: str, play: Callable[[], tuple[bool, str]]) -> None:
        """Play a chapter, and tell it."""
        self._terminal.note(f"… {name}")
        held, evidence = play()
        self._told.append(Chapter(name=name, held=held, evidence=evidence))
        if not self._terminal.as_json:
            self._terminal.result({}, [f"{'✓' if held else '✗'} {name}\n    {evidence}"])

    def close(self) -> int:
        """Tell what all of them came to, and return 0 when each came out as claimed."""
        held = all(chapter.held for chapter in self._told)
        closing = "every claim held" if held else "a claim did not hold: see ✗ above"
        steps = [asdict(chapter) for chapter in self._told]
        self._terminal.result({"verdict": "sound" if held else "unfaithful", "steps": steps}, [f"\n{closing}"])
        return 0 if held else 1
