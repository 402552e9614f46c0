"""How long a person waits for `continuity --help`, `points` and `status`, with many drilled points in the vault.

python -m benchmarks.command_line [--points 100] [--rounds 9]
"""

import argparse
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from benchmarks.bench_server import bench_server, database_of, place
from benchmarks.figures import cost_table, draw_walls, machine
from benchmarks.measuring import Cost, Meter, interleaved
from benchmarks.object_sink import CREDENTIALS, object_sink
from benchmarks.subject import CONTINUITY, Subject, describe
from continuity.domain.application import ApplicationName
from continuity.domain.recovery_point import DrillRecord, RecoveryPointId, recovery_point_id
from continuity.domain.verdict import Axis, Finding, Judgement, Outcome, Severity, Trouble
from continuity.settings import DSN_VARIABLE, load_environment
from continuity.steps.places import points_of

MEGABYTES = 20
FINDINGS = 84
"""As many as a drill of blottr with its rules makes."""


def main() -> None:
    """Measure, print the table, draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    with bench_server() as server, object_sink(place() / "store") as (store, store_pid):
        database = database_of(server, MEGABYTES)
        meter = Meter(server=server.pid, store=store_pid)
        folder = describe(place() / "points-folder", server, database)
        bucket = describe(place() / "points-s3", server, database, store=store)
        for subject in (folder, bucket):
            meter.run(subject.argv("backup", "--no-drill"), subject.variables)
            _multiply(subject, asked.points)
        costs = interleaved(
            {
                "continuity --help": lambda: meter.run([CONTINUITY, "--help"], folder.variables),
                "continuity points, directory": lambda: meter.run(folder.argv("points"), folder.variables),
                "continuity points, S3": lambda: meter.run(bucket.argv("points"), bucket.variables),
                "continuity status, S3": lambda: meter.run(bucket.argv("status"), bucket.variables),
            },
            rounds=asked.rounds,
        )
        for subject in (folder, bucket):
            shutil.rmtree(subject.folder)
    print(f"\n{machine()}; {asked.points} points, each drilled once\n")
    print(cost_table(costs), "\n")
    print(_fastest(costs))
    title = f"Answers of the command line with {asked.points} points, {machine().split(', L')[0]}"
    print(draw_walls(costs, title=title, name="command-line", ours=list(costs)))


def _multiply(subject: Subject, points: int) -> None:
    """Write manifests and verdicts of earlier moments beside the newest point's, until there are so many points."""
    os.environ.update({name: subject.variables[name] for name in (*CREDENTIALS, DSN_VARIABLE)})
    store = points_of(load_environment(subject.environment), ApplicationName("blottr"))
    manifest = store.read_manifest(RecoveryPointId(subject.newest_point()))
    for days in range(points):
        created = manifest.created - timedelta(days=days)
        point = replace(manifest, id=recovery_point_id(ApplicationName("blottr"), created), created=created)
        if days:
            store.write_manifest(point)
        finding = Finding(
            name="rows and digest of public.users",
            axis=Axis.FAITHFUL,
            severity=Severity.CRITICAL,
            outcome=Outcome.PASSED,
            detail="9988 rows, equal digest",
        )
        record = DrillRecord(
            point=point.id,
            finished=created + timedelta(minutes=5),
            judgement=Judgement.SOUND,
            trouble=Trouble.NONE,
            because="",
            seconds=60,
            checks=FINDINGS,
            dump_sha256=point.dump.sha256,
        )
        store.record_drill(record, (finding,) * FINDINGS, "")


def _fastest(costs: Mapping[str, Sequence[Cost]]) -> str:
    return ", ".join(f"{name}: {min(cost.seconds for cost in each):.2f} s at best" for name, each in costs.items())


if __name__ == "__main__":
    main()
