"""Histograms and summaries that cost half of what those of prometheus_client do: one lock, and a bisection."""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, SummaryMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from streams.telemetry.catalogue import Kind, Metric


class Distribution:
    """Observations of one series: their sum, and how many there are up to each bound. A summary has no bounds."""

    __slots__ = ("_bounds", "_counts", "_lock", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._lock = threading.Lock()

    def observe(self, value: float) -> None:
        """Add an observation."""
        place = bisect_left(self._bounds, value)
        with self._lock:
            self._counts[place] += 1
            self._sum += value

    def read(self) -> tuple[list[int], float]:
        """Return how many there are up to each bound, and in all, and their sum."""
        with self._lock:
            return list(accumulate(self._counts)), self._sum


class Distributions(Collector):
    """Every histogram and summary of a process."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._series: dict[str, dict[tuple[str, ...], Distribution]] = {metric.name: {} for metric in metrics}
        self._metrics = tuple(metrics)
        self._lock = threading.Lock()

    def of(self, metric: Metric, labels: tuple[str, ...]) -> Distribution:
        """Return the series of these labels."""
        return self._series[metric.name].get(labels) or self._new(metric, labels)

    def describe(self) -> Iterator[HistogramMetricFamily | SummaryMetricFamily]:
        """Name the metrics."""
        return map(_family, self._metrics)

    def collect(self) -> Iterator[HistogramMetricFamily | SummaryMetricFamily]:
        """Return them as they are now."""
        for metric in self._metrics:
            with self._lock:
                series = dict(self._series[metric.name])
            family = _family(metric)
            for labels, distribution in series.items():
                counts, total = distribution.read()
                if isinstance(family, SummaryMetricFamily):
                    family.add_metric(labels, counts[-1], total)
                else:
                    bounds = [*map(floatToGoString, metric.buckets), "+Inf"]
                    family.add_metric(labels, list(zip(bounds, map(float, counts), strict=True)), total)
            yield family

    def _new(self, metric: Metric, labels: tuple[str, ...]) -> Distribution:
        if len(labels) != len(metric.labels):
            raise ValueError(f"{metric.name} has the labels {metric.labels}, not {labels}")
        with self._lock:
            return self._series[metric.name].setdefault(labels, Distribution(metric.buckets))


def _family(metric: Metric) -> HistogramMetricFamily | SummaryMetricFamily:
    kind = HistogramMetricFamily if metric.kind is Kind.HISTOGRAM else SummaryMetricFamily
    return kind(metric.name, metric.meaning, labels=metric.labels)
