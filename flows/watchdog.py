"""Ends a run's process when a dead Prefect server keeps it from ending.

After the last line of a flow, Prefect tells its server the final state, then events and log lines that are still queued.
With the server gone, each call is retried for about a minute and the queues are drained one item after another: with
3.8.8 the process was seen to stay for 144 s and for more than 270 s, though its work was done.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

LEFT_HANGING = 1
"""Exit code of a process that was ended here. Not 0: a worker then reports the run as crashed, and its slot is freed."""


@contextmanager
def ending_in_time(patience_seconds: float) -> Iterator[None]:
    """Give Prefect `patience_seconds` to take the end of the run, counted from the end of this block; then leave.

    What the block did (points, verdicts) is in the vault by then: nothing but Prefect's view of the run is lost. Only a
    process that was started for one flow run is ended; flows called from a longer life, as in a REPL, are left alone.
    """
    try:
        yield
    finally:
        if _is_for_one_run():
            threading.Thread(target=_leave, args=(patience_seconds,), name="watchdog", daemon=True).start()


def _is_for_one_run() -> bool:
    # Workers and `prefect flow-run execute` set it for the process that they start.
    return "PREFECT__FLOW_RUN_ID" in os.environ


def _leave(patience_seconds: float) -> None:
    time.sleep(patience_seconds)
    # Not by logging: its handler is one of the things that may hang.
    sys.stderr.write(
        f"the flow's work is over, and Prefect has not taken its end for {patience_seconds:g} s: leaving without it."
        " What was done is in the vault: look with `continuity status`.\n"
    )
    sys.stderr.flush()
    os._exit(LEFT_HANGING)
