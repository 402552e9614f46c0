"""How a look at the outside becomes a check: errors are answers too."""

from collections.abc import Callable

from continuity.domain.checks import Check
from continuity.errors import ContinuityError

_SHOWN = 5


def guarded(name: str, look: Callable[[], Check]) -> Check:
    """Return what `look` finds, or the failed check that its error makes."""
    try:
        return look()
    except ContinuityError as error:
        return failed(name, error)
    except OSError as error:
        return Check(name=name, passed=False, detail=f"{error.filename}: {error.strerror}", hint="Check the path.")


def failed(name: str, error: ContinuityError) -> Check:
    """Return an error as a failed check."""
    return Check(name=name, passed=False, detail=error.message, hint=error.hint)


def none_of(name: str, names: tuple[str, ...], good: str, bad: str, hint: str) -> Check:
    """Return a check that passes where there are no names; `bad` follows the names, `good` stands alone."""
    if not names:
        return Check(name=name, passed=True, detail=good)
    return Check(name=name, passed=False, detail=f"{some_of(names)} {bad}", hint=hint)


def some_of(names: tuple[str, ...]) -> str:
    """Return a line's worth of names, and how many more there are."""
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def megabytes(size_bytes: int) -> str:
    """Return a size as people compare it with a disk."""
    return f"{size_bytes / 1e6:,.0f} MB"
