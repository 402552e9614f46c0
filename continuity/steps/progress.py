"""How long work tells how far it is."""

from collections.abc import Callable

Report = Callable[[str, int, int], None]
"""Progress: what, bytes done, bytes expected (0 when not known). After a comma, `what` tells what changes meanwhile."""


def silent(_what: str, _done_bytes: int, _expected_bytes: int) -> None:
    """Report to nobody."""
