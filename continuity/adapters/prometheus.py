"""Asks Prometheus for one number (HTTP API, "Instant queries")."""

import json
import math
from urllib.parse import urlencode

from continuity.adapters.http import visiting
from continuity.domain.answers import Expected
from continuity.settings import PrometheusSection

ANSWER_SECONDS = 10.0


def read_number(section: PrometheusSection, query: str, *, answer_seconds: float = ANSWER_SECONDS) -> tuple[float | None, str]:
    """Return what a query gives now: the greatest of its values, or None and why there is none."""
    with visiting(section.url, ca_file=section.ca_file) as visitor:
        answer = visitor.ask(f"/api/v1/query?{urlencode({'query': query})}", answer_seconds=answer_seconds)
    if wrong := Expected(values={"status": "success"}).wrong_with(answer):
        return None, f"Prometheus {wrong}"
    try:
        data = json.loads(answer.body)["data"]
        samples = [data["result"]] if data["resultType"] == "scalar" else [each["value"] for each in data["result"]]
        values = [float(number) for _, number in samples]
    except (KeyError, TypeError, ValueError):
        return None, "Prometheus answered with what is no number"
    # 0 / 0, where nothing was asked of the application, is NaN: no number either.
    known = [value for value in values if math.isfinite(value)]
    return (max(known), "") if known else (None, "Prometheus has no such number now")
