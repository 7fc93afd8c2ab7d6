"""The metrics of one process, and what they have come to."""

import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from streams.telemetry.activity import Activity, Thread
from streams.telemetry.catalogue import METRICS, WORKER_SECONDS
from streams.telemetry.distribution import distributions
from streams.telemetry.families import Labels
from streams.telemetry.metric import Kind, Metric
from streams.telemetry.names import Names
from streams.telemetry.numbers import counters, gauges
from streams.telemetry.timesheet import Causes, Clock, Post, Timesheets


class Telemetry:
    """The metrics of one process in a registry of its own.

    Parameters
    ----------
    clock
        Monotonic seconds.
    """

    def __init__(self, *, clock: Clock = time.monotonic) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nobody asks for
        self.registry = CollectorRegistry()
        self._counters = counters(_measured(Kind.COUNTER))
        self._gauges = gauges(_measured(Kind.GAUGE))
        self._distributions = distributions(_measured(Kind.HISTOGRAM, Kind.SUMMARY))
        for families in (self._counters, self._gauges, self._distributions):
            self.registry.register(families)
        self.instruments, self.methods = Names(), Names()
        self._timesheets = Timesheets(clock)
        self.registry.register(_WorkerSeconds(self._timesheets))

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Add to a counter."""
        self._counters.of(metric, labels).add(by)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge."""
        self._gauges.of(metric, labels).set(value)

    def rise(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge where it then says more: of several times, it has the latest."""
        self._gauges.of(metric, labels).rise(value)

    def keep(self, metric: Metric, kept: Collection[Labels]) -> None:
        """Forget the series of a gauge but those of these labels: who is gone has no value, not a last one."""
        self._gauges.keep(metric, kept)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add an observation to a histogram or a summary."""
        self._distributions.of(metric, labels).observe(value)

    @contextmanager
    def at_work(self, stage: str, lane: str, thread: Thread, activity: Activity) -> Iterator[None]:
        """Account for all time of the calling thread while the block runs, to ``activity`` unless said otherwise."""
        with self._timesheets.kept(Post(stage, lane, thread)) as sheet, sheet.spending(activity):
            yield

    def spending(self, stage: str, lane: str, activity: Activity) -> AbstractContextManager[None]:
        """Charge the time of the block to an activity."""
        return self._timesheets.mine(stage, lane).spending(activity)

    def waiting(self, stage: str, lane: str, causes: Causes) -> AbstractContextManager[None]:
        """Charge the time of the block to what ``causes`` tells of it."""
        return self._timesheets.mine(stage, lane).waiting(causes)

    def total(self, metric: Metric, **labels: str) -> float:
        """Return what a counter has come to, over all series that have these labels."""
        wanted = labels.items()
        found = self.registry.restricted_registry([metric.series]).collect()
        samples = (sample for family in found for sample in family.samples)
        return sum(sample.value for sample in samples if wanted <= sample.labels.items())


class _WorkerSeconds(Collector):
    """What the timesheets say, as metrics."""

    def __init__(self, timesheets: Timesheets) -> None:
        self._timesheets = timesheets

    def describe(self) -> Iterable[CounterMetricFamily]:
        """Name the metrics."""
        return [CounterMetricFamily(WORKER_SECONDS.name, WORKER_SECONDS.meaning, labels=WORKER_SECONDS.labels)]

    def collect(self) -> Iterable[CounterMetricFamily]:
        """Return them as they are now."""
        (family,) = self.describe()
        for post, spent in self._timesheets.seconds().items():
            for activity, seconds in spent.items():
                family.add_metric([post.stage, post.lane, post.thread, activity], seconds)
        return [family]


def _measured(*kinds: Kind) -> list[Metric]:
    return [metric for metric in METRICS if metric.kind in kinds and not metric.collected]
