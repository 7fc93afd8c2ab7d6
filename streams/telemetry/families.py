"""The metrics of one kind with their series. Finding one costs a third of asking prometheus_client."""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from streams.telemetry.metric import Metric

Labels = tuple[str, ...]
Series = TypeVar("Series")


class Families(Collector, Generic[Series]):
    """Metrics of one kind; one without labels has its series from the beginning.

    Parameters
    ----------
    metrics
        The metrics.
    new
        Makes a series of a metric.
    told
        Makes of a metric and its series what the registry exports.
    """

    def __init__(
        self,
        metrics: Iterable[Metric],
        new: Callable[[Metric], Series],
        told: Callable[[Metric, Mapping[Labels, Series]], Family],
    ) -> None:
        self._metrics = tuple(metrics)
        self._new, self._told = new, told
        self._series: dict[str, dict[Labels, Series]] = {
            metric.name: {} if metric.labels else {(): new(metric)} for metric in self._metrics
        }
        self._lock = threading.Lock()

    def of(self, metric: Metric, labels: Labels) -> Series:
        """Return the series of these labels; raises `ValueError` for other labels than the metric has."""
        return self._series[metric.name].get(labels) or self._made(metric, labels)

    def keep(self, metric: Metric, kept: Collection[Labels]) -> None:
        """Forget all series of a metric but these."""
        with self._lock:
            series = self._series[metric.name]
            self._series[metric.name] = {labels: series[labels] for labels in series if labels in kept}

    def describe(self) -> Iterator[Family]:
        """Name the metrics."""
        return (self._told(metric, {}) for metric in self._metrics)

    def collect(self) -> Iterator[Family]:
        """Return them as they are now."""
        for metric in self._metrics:
            with self._lock:
                series = dict(self._series[metric.name])
            yield self._told(metric, series)

    def _made(self, metric: Metric, labels: Labels) -> Series:
        if len(labels) != len(metric.labels):
            raise ValueError(f"{metric.name} has the labels {metric.labels}, not {labels}")
        with self._lock:
            return self._series[metric.name].setdefault(labels, self._new(metric))
