"""Histograms and summaries that cost half of what those of prometheus_client do: one lock, and a bisection."""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, SummaryMetricFamily
from prometheus_client.utils import floatToGoString

from streams.telemetry.families import Families, Labels
from streams.telemetry.metric import Kind, Metric


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


def distributions(metrics: Iterable[Metric]) -> Families[Distribution]:
    """Return the series of histograms and summaries."""
    return Families(metrics, lambda metric: Distribution(metric.buckets), _told)


def _told(metric: Metric, series: Mapping[Labels, Distribution]) -> HistogramMetricFamily | SummaryMetricFamily:
    kind = HistogramMetricFamily if metric.kind is Kind.HISTOGRAM else SummaryMetricFamily
    family = kind(metric.name, metric.meaning, labels=metric.labels)
    for labels, distribution in series.items():
        counts, total = distribution.read()
        if isinstance(family, SummaryMetricFamily):
            family.add_metric(labels, counts[-1], total)
        else:
            bounds = [*map(floatToGoString, metric.buckets), "+Inf"]
            family.add_metric(labels, list(zip(bounds, map(float, counts), strict=True)), total)
    return family
