"""What a metric is, before anything is counted."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a metric counts."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"


@dataclass(frozen=True)
class Metric:
    """One metric: its name as the registry knows it, how it counts, its unit, its labels and its meaning."""

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()
    collected: bool = False
    """Whether a collector finds it when it is asked for; else somebody counts it as it happens."""

    @property
    def series(self) -> str:
        """The name that a query asks for: counters end in ``_total``."""
        return f"{self.name}_total" if self.kind is Kind.COUNTER else self.name


def counter(name: str, unit: str, labels: str, meaning: str, *, collected: bool = False) -> Metric:
    """What is counted up, from 0 at the start of a process."""
    return Metric(name, Kind.COUNTER, unit, tuple(labels.split()), meaning, collected=collected)


def gauge(name: str, unit: str, labels: str, meaning: str, *, collected: bool = False) -> Metric:
    """What goes up and down."""
    return Metric(name, Kind.GAUGE, unit, tuple(labels.split()), meaning, collected=collected)


def histogram(name: str, unit: str, labels: str, meaning: str, buckets: tuple[float, ...]) -> Metric:
    """What is counted by size."""
    return Metric(name, Kind.HISTOGRAM, unit, tuple(labels.split()), meaning, buckets)


def summary(name: str, unit: str, labels: str, meaning: str) -> Metric:
    """What is counted and summed up."""
    return Metric(name, Kind.SUMMARY, unit, tuple(labels.split()), meaning)
