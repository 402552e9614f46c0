"""What a client sees of a table while its schema changes: it keeps its session, reads one row in a loop, and never gives up.

    python -m benchmarks.patient_reader TABLE

reads the connection from libpq's variables and runs until stdin ends. Prints JSON: how many answers it got, and the longest
that it had to wait for one, in seconds. A table that is not there is an answer too: nobody was made to wait.
"""

import json
import sys
import time
from contextlib import suppress
from threading import Event, Thread

import psycopg
from psycopg import sql

PAUSE_SECONDS = 0.001


def main() -> None:
    """Read until stdin ends."""
    stop, seen = Event(), [0.0, 0.0]
    thread = Thread(target=_read, args=(stop, sys.argv[1], seen), daemon=True)
    thread.start()
    print("reading", flush=True)
    sys.stdin.read()
    stop.set()
    thread.join(timeout=60)
    print(json.dumps({"answers": int(seen[0]), "longest_seconds": seen[1]}))


def _read(stop: Event, table: str, seen: list[float]) -> None:
    query = sql.SQL("select id from {} where id = 7").format(sql.Identifier(table))
    with psycopg.connect("", autocommit=True) as connection:
        while not stop.wait(PAUSE_SECONDS):
            began = time.monotonic()
            with suppress(psycopg.errors.UndefinedTable):
                connection.execute(query).fetchone()
            seen[0] += 1
            seen[1] = max(seen[1], time.monotonic() - began)


if __name__ == "__main__":
    main()
