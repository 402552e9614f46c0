"""What a run needs before it starts, all of it at once."""

from collections.abc import Iterable
from dataclasses import dataclass

from continuity.errors import UnsafeOperation


@dataclass(frozen=True, kw_only=True)
class Check:
    """One precondition. A check that is not `passed` stops the run; one that is but has a `hint` warns."""

    name: str
    passed: bool
    detail: str
    hint: str = ""


def refuse_unless_passed(checks: Iterable[Check], *, what: str) -> tuple[str, ...]:
    """Return the warnings of checks that all passed.

    Raises:
        UnsafeOperation: some did not; the message names every one of them, with its remedy.

    """
    seen = tuple(checks)
    failed = [check for check in seen if not check.passed]
    if failed:
        lines = [f"✗ {check.name}: {check.detail}" + (f"\n    {check.hint}" if check.hint else "") for check in failed]
        raise UnsafeOperation(
            f"{what} cannot start: {len(failed)} of {len(seen)} preconditions do not hold",
            detail="\n".join(lines) + "\nNothing was changed.",
            hint="Mend what is marked above, then run the same command again.",
        )
    return tuple(f"{check.name}: {check.detail}" for check in seen if check.hint)
