"""The process that has Great Expectations loaded: one JSON request a line on stdin, one JSON answer a line on stdout.

Importing it takes seconds of CPU and 230 MB, so it is started beside a restore, and a validation that hangs or dies
takes nothing else with it.
"""

import json
import os
import sys
from typing import Any

os.environ["GX_ANALYTICS_ENABLED"] = "false"


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Run one suite on the database that the request's environment names."""
    from pydantic import TypeAdapter

    from continuity.domain.application import Application
    from continuity.domain.recovery_point import Manifest
    from continuity.domain.verdict import Finding
    from expectations.runner import run_suite
    from expectations.suites import suite_of_live, suite_of_restore

    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    os.environ.update(request["environment"])
    manifest = TypeAdapter(Manifest | None).validate_python(request["manifest"])
    application = TypeAdapter(Application).validate_python(request["application"])
    if request["restored"] and manifest is not None:
        claims = suite_of_restore(manifest, application)
    else:
        claims = suite_of_live(manifest, application)
    findings, result = run_suite(f"{application.name} {'restored' if request['restored'] else 'live'}", claims)
    return {"findings": TypeAdapter(tuple[Finding, ...]).dump_python(findings, mode="json"), "result": result}


def main() -> None:
    """Answer until stdin ends. Whatever libraries print goes to stderr, so that answers stay clean."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    import expectations.runner  # noqa: F401 -- loaded before the first request comes

    for line in sys.stdin:
        try:
            said = answer(json.loads(line))
        except Exception as error:  # noqa: BLE001 -- the parent turns it into "not proven"
            said = {"error": f"{type(error).__name__}: {error}"}
        channel.write(json.dumps(said) + "\n")
        channel.flush()


if __name__ == "__main__":
    main()
