"""How many of the application's answers are errors."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ErrorWatch:
    """For how long the application is watched after a change, and which part of its answers may be errors."""

    window_seconds: float = 30.0
    interval_seconds: float = 0.5
    most_percent: float = 1.0


@dataclass(frozen=True, kw_only=True)
class ErrorRate:
    """A measured rate, with where it comes from."""

    percent: float
    source: str

    def spike(self, watch: ErrorWatch) -> str:
        """Say that this is too much; "" where it is not."""
        if self.percent <= watch.most_percent:
            return ""
        return f"{self.percent:.1f} % of the answers are errors ({self.source}), at most {watch.most_percent:g} % may be"
