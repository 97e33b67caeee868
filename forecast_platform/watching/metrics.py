"""What was seen, as Prometheus metrics."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from forecast_platform.watching.sight import Sight

if TYPE_CHECKING:
    from prometheus_client.metrics_core import GaugeMetricFamily

_PREFIX = "forecast_platform_"
_ENDED = {"SUCCESS": 1.0, "FAILURE": 0.0}
_DAY = dt.timedelta(days=1)

Samples = Iterable[tuple[tuple[str, ...], float]]


class Metrics:
    """A collector of the Prometheus client: asks for the newest look when it is scraped.

    Args:
        sight: Gives the newest look.
        today: The business day, for ages.
    """

    def __init__(self, sight: Callable[[], Sight], today: Callable[[], dt.date]) -> None:
        self._sight = sight
        self._today = today

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All metrics, gauges every one: the records they come from are purged."""
        seen = self._sight()
        yield from _tables(seen, self._today())
        yield from _problems(seen)
        yield from _accuracy(seen)
        yield from _runs(seen)
        yield from _daemon(seen)


def exposition(metrics: Metrics) -> bytes:
    """The metrics in Prometheus' text format."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics)
    return bytes(generate_latest(registry))


def _gauge(
    name: str, told: str, samples: Samples | Mapping[str, float], *labels: str
) -> GaugeMetricFamily:
    from prometheus_client.metrics_core import GaugeMetricFamily

    family = GaugeMetricFamily(f"{_PREFIX}{name}", told, labels=labels)
    if isinstance(samples, Mapping):
        samples = (((key,), value) for key, value in samples.items())
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _tables(seen: Sight, today: dt.date) -> Iterator[GaugeMetricFamily]:
    ages = {table: (today - day).days for table, day in seen.newest.items()}
    yield _gauge("rows", "Rows of a table: raw, validated, rejected, made.", seen.rows, "table")
    yield _gauge("newest_day_age_days", "Age of a table's newest day.", ages, "table")
    yield _gauge("stale_days", "Days that do not follow what landed.", seen.stale, "table")


def _problems(seen: Sight) -> Iterator[GaugeMetricFamily]:
    groups = dict.fromkeys((finding.group for finding in seen.findings), 0.0)
    for finding in seen.wrong:
        groups[finding.group] += not finding.warns
    warned = Counter(finding.group for finding in seen.wrong if finding.warns)
    yield _gauge("problems", "Things to be mended, by what was looked at.", groups, "group")
    yield _gauge("warnings", "Things that only warn.", dict(warned), "group")
    yield _gauge("alerts", "Open alerts that people were told of.",
                 [((), len(seen.activity.alerts))])  # fmt: skip
    yield _gauge("look_seconds", "Time it took to look at all this.", [((), seen.seconds)])
    sizes = (("records_bytes", "Size of Dagster's records.", seen.messages_bytes),
             ("disk_free_bytes", "Free at the home folder.", seen.free_bytes))  # fmt: skip
    for name, told, size in sizes:
        yield _gauge(name, told, [] if size is None else [((), size)])


def _accuracy(seen: Sight) -> Iterator[GaugeMetricFamily]:
    rows = seen.accuracy.to_dicts()
    keys = [(row["model"], str(row["horizon"])) for row in rows]
    wape = [(key, row["wape"]) for key, row in zip(keys, rows, strict=True)]
    shares = [
        ((*key, level), row[f"inside_{level}"])
        for key, row in zip(keys, rows, strict=True)
        for level in ("50", "80", "90")
    ]
    by = ("model", "horizon")
    yield _gauge("wape", "Absolute errors by demand, newest 28 days judged.", wape, *by)
    yield _gauge("coverage", "Share of demand inside the interval.", shares, *by, "level")


def _runs(seen: Sight) -> Iterator[GaugeMetricFamily]:
    runs = seen.activity.runs
    ended = [run for run in runs if run.seconds is not None and run.status in _ENDED]
    newest = {run.job: run for run in reversed(ended)}
    recent = Counter(run.status.lower() for run in runs if seen.taken - run.began < _DAY)
    yield _gauge("run_seconds", "Duration of a job's newest run.",
                 {job: run.seconds or 0.0 for job, run in newest.items()}, "job")  # fmt: skip
    yield _gauge("run_succeeded", "Whether a job's newest run succeeded.",
                 {job: _ENDED[run.status] for job, run in newest.items()}, "job")  # fmt: skip
    yield _gauge("run_age_seconds", "Time since a job's newest run began.",
                 {job: (seen.taken - run.began).total_seconds() for job, run in newest.items()},
                 "job")  # fmt: skip
    yield _gauge("runs_of_a_day", "Runs begun in the last 24 hours, of the newest 50.",
                 {"failure": 0.0, "success": 0.0, **recent}, "status")  # fmt: skip
    yield _gauge("step_seconds", "Duration of a step's newest success.",
                 seen.activity.steps, "step")  # fmt: skip


def _daemon(seen: Sight) -> Iterator[GaugeMetricFamily]:
    ticks = {tick.sensor: tick for tick in seen.activity.ticks}
    yield _gauge("tick_seconds", "Duration of a sensor's newest tick.",
                 {name: tick.seconds for name, tick in ticks.items()}, "sensor")  # fmt: skip
    yield _gauge("tick_failed", "Whether a sensor's newest tick failed.",
                 {name: float(tick.status == "FAILURE") for name, tick in ticks.items()},
                 "sensor")  # fmt: skip
    yield _gauge("heartbeat_age_seconds", "Time since a part of the daemon gave a sign of life.",
                 {name: (seen.taken - beat).total_seconds()
                  for name, beat in seen.activity.beats.items()}, "daemon")  # fmt: skip
