"""One restore as a drill does it, without the judging: fetch, verify, decrypt, unpack, pg_restore, properties.

    python -m benchmarks.restored ENVIRONMENT POINT

Prints the seconds of each step as JSON. The scratch database is dropped at the end, outside of the clock.
"""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from continuity.domain.application import ApplicationName
from continuity.domain.recovery_point import RecoveryPointId
from continuity.settings import load_environment
from continuity.steps import restoring
from continuity.steps.places import points_of


def main() -> None:
    """Restore a point once."""
    environment = load_environment(Path(sys.argv[1]))
    analyzing = []

    def analyze(dsn: str) -> None:
        started = time.monotonic()
        analyze_whole(dsn)
        analyzing.append(time.monotonic() - started)

    analyze_whole, restoring.analyze = restoring.analyze, analyze
    started = time.monotonic()
    manifest = points_of(environment, ApplicationName("blottr")).read_manifest(RecoveryPointId(sys.argv[2]))
    dump = restoring.fetch_dump(manifest, environment)
    others = restoring.verify_other_objects(manifest, environment)
    fetched = time.monotonic()
    restored = restoring.restore_database(manifest, dump, environment, datetime.now(UTC))
    ended = time.monotonic()
    restoring.discard_dump(dump)
    restoring.drop_restored(restored, environment)
    if restored.errors or not others.passed:
        sys.exit("the restore has errors")
    analyze_seconds = sum(analyzing)
    steps = {
        "fetch": fetched - started,
        "restore": ended - fetched - analyze_seconds,
        "analyze": analyze_seconds,
        "drop": time.monotonic() - ended,
    }
    print(json.dumps(steps))


if __name__ == "__main__":
    main()
