"""Fetch, verify, decrypt and unpack a point's dump, as a drill does before it restores, and throw it away.

python -m benchmarks.fetched ENVIRONMENT POINT
"""

import sys
from pathlib import Path

from continuity.domain.application import ApplicationName
from continuity.domain.recovery_point import RecoveryPointId
from continuity.settings import load_environment
from continuity.steps.places import points_of
from continuity.steps.restoring import discard_dump, fetch_dump


def main() -> None:
    """Fetch a dump once."""
    environment = load_environment(Path(sys.argv[1]))
    manifest = points_of(environment, ApplicationName("blottr")).read_manifest(RecoveryPointId(sys.argv[2]))
    discard_dump(fetch_dump(manifest, environment))


if __name__ == "__main__":
    main()
