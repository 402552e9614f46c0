"""What clients see of a database while it is replaced: each reconnects every 5 ms and asks for one row.

    python -m benchmarks.observers OBSERVERS CLIENTS

reads the connection from libpq's variables and runs until stdin ends. Clients keep their session and work in it without a
pause; observers measure. Prints JSON: for each observer the moments (seconds of the monotonic clock) of its answers.
"""

import json
import sys
import time
from threading import Event, Thread

import psycopg

PAUSE_SECONDS = 0.005
QUERY = "select id from public.users limit 1"
# Whoever waits so long for a row does not have the database.
OPTIONS = "-c statement_timeout=1000"


def main() -> None:
    """Observe until stdin ends."""
    observers, clients = int(sys.argv[1]), int(sys.argv[2])
    stop, answers = Event(), [list[float]() for _ in range(observers)]
    threads = [Thread(target=_observe, args=(stop, seen), daemon=True) for seen in answers]
    threads += [Thread(target=_work, args=(stop,), daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    print("observing", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join(timeout=5)
    print(json.dumps(answers))


def _observe(stop: Event, seen: list[float]) -> None:
    while not stop.wait(PAUSE_SECONDS):
        try:
            with psycopg.connect("", connect_timeout=2, options=OPTIONS, autocommit=True) as connection:
                if connection.execute(QUERY).fetchone():
                    seen.append(time.monotonic())
        except psycopg.Error:
            continue


def _work(stop: Event) -> None:
    while not stop.wait(PAUSE_SECONDS):
        try:
            with psycopg.connect("", connect_timeout=2, options=OPTIONS, autocommit=True) as connection:
                while not stop.wait(PAUSE_SECONDS * 2):
                    connection.execute(QUERY).fetchone()
        except psycopg.Error:
            continue


if __name__ == "__main__":
    main()
