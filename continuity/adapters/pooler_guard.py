"""A process that lets clients of a pooler through once its caller is done or gone: `kill -9` closes a pipe, too.

Run by `continuity.adapters.pooler`: a line of JSON on stdin says where; then end of file, or too long a time, is the sign.
"""

import json
import select
import sys
import time

from continuity.adapters.pooler import CONSOLE, READY, let_through, resume
from continuity.adapters.postgres import connect
from continuity.errors import ContinuityError

ATTEMPTS = 25
WAIT_SECONDS = 0.2


def main() -> int:
    """Wait for the sign, resume, and return the exit code. A caller that took too long is met with a resumed pooler."""
    asked = json.loads(sys.stdin.readline())
    dsn, database = asked["dsn"], asked["database"]
    try:
        with connect(dsn, CONSOLE) as connection:
            print(READY, flush=True)  # noqa: T201 -- this is the protocol
            select.select([sys.stdin], [], [], asked["seconds"])
            resume(connection, database)
    except ContinuityError as error:
        print(error.message, flush=True)  # noqa: T201
    for _ in range(ATTEMPTS):
        try:
            let_through(dsn, database)
        except ContinuityError:
            time.sleep(WAIT_SECONDS)
        else:
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
