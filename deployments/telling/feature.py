"""What switching a feature tells, beside its plan and its run."""

from continuity.procedures.feature import FeatureWish
from deployments.console import EXIT_DONE, Terminal


def tell_as_wanted(terminal: Terminal, wish: FeatureWish) -> int:
    """Tell that a flag is as wanted already."""
    document = {"flag": wish.flag, "on": wish.on, "changed": False}
    terminal.result(document, [f"{wish} already. Nothing was changed."])
    return EXIT_DONE
