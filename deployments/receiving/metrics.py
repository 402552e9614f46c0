"""Figures as Prometheus reads them. What is not known is absent, never 0; no name of an alert and no text of it is told."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from continuity.domain.figures import Figures
from continuity.domain.verdict import Judgement
from deployments.receiving.watching import Reading

DISTRUSTED = "distrusted"


class _Gauge(NamedTuple):
    """A figure of an application; `read` returns None where it is not known."""

    name: str
    said: str
    read: Callable[[Figures, datetime], float | None]


_GAUGES = (
    _Gauge(
        "continuity_last_proven_age_seconds",
        "Age of the last recovery point that is proven and not distrusted; +Inf where there is none.",
        lambda figures, now: (now - figures.proven_created).total_seconds() if figures.proven_created else math.inf,
    ),
    _Gauge(
        "continuity_recovery_point_objective_seconds",
        "How much work may be lost.",
        lambda figures, _: figures.objectives.recovery_point.total_seconds(),
    ),
    _Gauge(
        "continuity_recovery_predicted_seconds",
        "How long a recovery would take today, from what drills and rehearsals have measured; absent while nothing is proven.",
        lambda figures, _: figures.predicted.total_seconds() if figures.predicted else None,
    ),
    _Gauge(
        "continuity_recovery_time_objective_seconds",
        "How long a recovery may take.",
        lambda figures, _: figures.objectives.recovery_time.total_seconds(),
    ),
    _Gauge("continuity_open_runs", "Runs that were begun and have not ended.", lambda figures, _: figures.open_runs),
    _Gauge("continuity_points", "Recovery points in the vault.", lambda figures, _: figures.points),
    _Gauge("continuity_usable_points", "Recovery points that are proven and not distrusted.", lambda figures, _: figures.usable),
    _Gauge("continuity_damaged_documents", "Documents of the vault that cannot be read.", lambda figures, _: figures.damaged),
    _Gauge(
        "continuity_newest_point_bytes",
        "Stored bytes of the newest recovery point.",
        lambda figures, _: figures.newest.manifest.stored_bytes if figures.newest else None,
    ),
    _Gauge(
        "continuity_newest_point_timestamp_seconds",
        "When the newest recovery point was made.",
        lambda figures, _: figures.newest.manifest.created.timestamp() if figures.newest else None,
    ),
    _Gauge(
        "continuity_last_drill_timestamp_seconds",
        "When the last drill of any point has ended.",
        lambda figures, _: figures.last_drill.finished.timestamp() if figures.last_drill else None,
    ),
    _Gauge(
        "continuity_last_drill_seconds",
        "How long the last drill took.",
        lambda figures, _: figures.last_drill.seconds if figures.last_drill else None,
    ),
    _Gauge("continuity_alerts_accepted", "Alerts that have been accepted.", lambda figures, _: figures.alerts.accepted),
    _Gauge(
        "continuity_alerts_pending",
        "Accepted alerts of which what they asked for is outstanding.",
        lambda figures, _: figures.alerts.pending,
    ),
)


def exposition(readings: Mapping[str, Reading], now: datetime) -> bytes:
    """Write the readings in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once([*readings_metrics(readings, now), *figures_metrics(readings, now)]))
    return generate_latest(registry)


def readings_metrics(readings: Mapping[str, Reading], now: datetime) -> Iterator[Metric]:
    """Tell of each application whether its figures could be read, when, and how often they could not."""
    success = GaugeMetricFamily(
        "continuity_objectives_read_success", "Whether the figures could be read; else they are absent.", labels=["application"]
    )
    moment = GaugeMetricFamily(
        "continuity_objectives_read_timestamp_seconds", "When the figures were last true.", labels=["application"]
    )
    errors = CounterMetricFamily(
        "continuity_objectives_read_errors", "How often the figures could not be read.", labels=["application"]
    )
    for name, reading in readings.items():
        success.add_metric([name], float(reading.known(now)))
        errors.add_metric([name], reading.errors)
        if reading.read:
            moment.add_metric([name], reading.read.timestamp())
    yield from (success, moment, errors)


def figures_metrics(readings: Mapping[str, Reading], now: datetime) -> Iterator[Metric]:
    """Tell the figures of the applications that could be read."""
    known = {name: reading.figures for name, reading in readings.items() if reading.figures and reading.known(now)}
    for gauge in _GAUGES:
        family = GaugeMetricFamily(gauge.name, gauge.said, labels=["application"])
        for name, figures in known.items():
            if (value := gauge.read(figures, now)) is not None:
                family.add_metric([name], value)
        yield family
    verdicts = [*(each.value for each in Judgement), DISTRUSTED]
    newest = {name: figures.newest.verdict for name, figures in known.items() if figures.newest}
    yield _one_of("continuity_newest_point_verdict", "The newest recovery point's verdict.", "verdict", verdicts, newest)
    drills = {name: figures.last_drill.judgement.value for name, figures in known.items() if figures.last_drill}
    yield _one_of(
        "continuity_last_drill_verdict", "What the last drill has found.", "verdict", [each.value for each in Judgement], drills
    )


def _one_of(name: str, said: str, label: str, values: Iterable[str], found: Mapping[str, str]) -> Metric:
    """Tell a word as one series a possible value, 1 for the one that it is."""
    family = GaugeMetricFamily(name, said, labels=["application", label])
    for application, word in found.items():
        for value in values:
            family.add_metric([application, value], float(value == word))
    return family


class _Once(Collector):
    """Gives the registry what has been collected already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        return self._metrics
