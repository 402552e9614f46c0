"""A backup with digests, hashes and encryption, beside `pg_dump -Fc` to a file and a copy of that file.

python -m benchmarks.backup [--megabytes 700] [--rounds 5]
"""

import argparse
import shutil
import sys
from pathlib import Path

from benchmarks.bench_server import bench_server, database_of, place
from benchmarks.figures import cost_table, draw_walls, machine
from benchmarks.measuring import Cost, Meter, interleaved, times_faster
from benchmarks.object_sink import BUCKET, object_sink
from benchmarks.subject import UPLOAD, describe, variables

DUMP_AND_UPLOAD = "pg_dump -Fc, then upload to S3"
DUMP_AND_COPY = "pg_dump -Fc, then cp"
TO_S3 = "continuity backup, S3"
TO_S3_ENCRYPTED = "continuity backup, S3, encrypted"
TO_FOLDER = "continuity backup, directory, encrypted"


def main() -> None:
    """Measure, print the tables, draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=700)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with bench_server() as server, object_sink(place() / "store") as (store, store_pid):
        database = database_of(server, asked.megabytes)
        meter, environment = Meter(server=server.pid, store=store_pid), variables(server, database)
        dump, copy = place() / "plain.dump", place() / "copy.dump"
        subjects = {
            TO_S3: describe(place() / "s3", server, database, store=store),
            TO_S3_ENCRYPTED: describe(place() / "s3-encrypted", server, database, store=store, encrypted=True),
            TO_FOLDER: describe(place() / "folder", server, database, encrypted=True),
        }

        def dumped() -> Cost:
            return meter.run([server.binaries / "pg_dump", "--format=custom", f"--file={dump}"], environment)

        def uploaded() -> Cost:
            return dumped() + meter.run([sys.executable, "-c", UPLOAD, store, dump, BUCKET, "plain.dump"], environment)

        def copied() -> Cost:
            return dumped() + meter.run(["cp", dump, copy], environment)

        ours = {
            name: lambda subject=subject: meter.run(subject.argv("backup", "--no-drill"), subject.variables)
            for name, subject in subjects.items()
        }
        costs = interleaved({DUMP_AND_UPLOAD: uploaded, DUMP_AND_COPY: copied, **ours}, rounds=asked.rounds)
        sizes = dump.stat().st_size, _stored_bytes(subjects[TO_FOLDER].folder)
        for path in (dump, copy):
            path.unlink()
        for subject in subjects.values():
            shutil.rmtree(subject.folder)
    print(f"\n{machine()}, PostgreSQL {server.major}; blottr of {asked.megabytes} MB\n")
    print(cost_table(costs), "\n")
    for theirs, name in ((DUMP_AND_UPLOAD, TO_S3), (DUMP_AND_UPLOAD, TO_S3_ENCRYPTED), (DUMP_AND_COPY, TO_FOLDER)):
        print(f"{name}: {times_faster(costs[theirs], costs[name]):.2f} times as fast as {theirs}")
    print(f"stored: {sizes[0] / 1e6:.0f} MB by pg_dump (gzip), {sizes[1] / 1e6:.0f} MB by continuity (zstd, age)")
    title = f"Backup of {asked.megabytes} MB, PostgreSQL {server.major}, {machine().split(', P')[0]}"
    print(draw_walls(costs, title=title, name="backup", ours=list(subjects)))


def _stored_bytes(folder: Path) -> int:
    return max(path.stat().st_size for path in (folder / "vault").rglob("database.dump*"))


if __name__ == "__main__":
    main()
