"""Every metric that a process exports, in one typed list, and the registry that holds them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from streams.errors import UsageError


class Activity(StrEnum):
    """What a worker's second is spent on; every wait is charged to its cause.

    ``poll`` is the polling thread's time on a core, ``commit`` the committer's, the others the handlers' by the clock:
    ``slot`` is the wait for a place to compute, ``idle`` the wait for messages.
    """

    POLL = "poll"
    RECALL = "recall"
    FETCH = "fetch"
    SLOT = "slot"
    COMPUTE = "compute"
    STORE = "store"
    SETTLE = "settle"
    COMMIT = "commit"
    IDLE = "idle"


@dataclass(frozen=True)
class Metric:
    """One metric: its name (with its unit), its labels and its meaning."""

    name: str
    labels: tuple[str, ...]
    meaning: str


IMAGES = Metric("semstream_images", ("stage", "state"), "Events answered, by how: done or rejected.")
PARTS = Metric("semstream_parts", ("stage", "source"), "Parts of outcomes, by source: computed, cache or ledger.")
SECONDS = Metric("semstream_worker_seconds", ("stage", "activity"), "Where a worker's seconds go.")
CORE_SECONDS = Metric("semstream_worker_core_seconds", ("stage", "activity"), "Where its seconds on a core go.")
RETRIES = Metric("semstream_retries", ("stage",), "Batches tried again after a transient error.")
CACHE_FAILURES = Metric("semstream_cache_failures", ("call",), "Calls that the shared cache did not answer.")
CACHE_AVAILABLE = Metric("semstream_cache_available", ("cache",), "0 while the shared cache is left alone.")
IN_FLIGHT = Metric("semstream_in_flight_messages", ("stage",), "Messages admitted and not yet committed.")
LAG = Metric("semstream_lag_messages", ("stage",), "Messages of the partitions held that are not yet committed.")
STAGE_SECONDS = Metric("semstream_stage_seconds", ("stage",), "Seconds from a batch's arrival to its answers.")
INSTRUMENT_SEEN = Metric(
    "semstream_instrument_last_seen_seconds",
    ("instrument",),
    "When its latest image was published, seconds since 1970.",
)
INSTRUMENT_IMAGES = Metric("semstream_instrument_images_per_hour", ("instrument",), "Images of the last hour.")
INSTRUMENT_OUT = Metric(
    "semstream_instrument_beyond_limits", ("instrument", "quantity"), "Recipes whose charts are beyond their limits."
)

COUNTERS = (IMAGES, PARTS, SECONDS, CORE_SECONDS, RETRIES, CACHE_FAILURES)
GAUGES = (IN_FLIGHT, LAG, CACHE_AVAILABLE, INSTRUMENT_SEEN, INSTRUMENT_IMAGES, INSTRUMENT_OUT)
HISTOGRAMS = (STAGE_SECONDS,)
BUCKETS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 1800)


class Telemetry:
    """The metrics of one process in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters = {m.name: Counter(m.name, m.meaning, m.labels, registry=self.registry) for m in COUNTERS}
        self._gauges = {m.name: Gauge(m.name, m.meaning, m.labels, registry=self.registry) for m in GAUGES}
        self._histograms = {
            m.name: Histogram(m.name, m.meaning, m.labels, registry=self.registry, buckets=BUCKETS_S)
            for m in HISTOGRAMS
        }

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Add to a counter."""
        self._counters[metric.name].labels(*labels).inc(by)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge."""
        self._gauges[metric.name].labels(*labels).set(value)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add an observation to a histogram."""
        self._histograms[metric.name].labels(*labels).observe(value)

    @contextmanager
    def spending(self, stage: str, activity: Activity) -> Iterator[None]:
        """Charge the seconds of the block, by the clock and on a core, to an activity."""
        start_s, start_core_s = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.count(SECONDS, stage, activity.value, by=time.perf_counter() - start_s)
            self.count(CORE_SECONDS, stage, activity.value, by=time.thread_time() - start_core_s)

    def total(self, metric: Metric, **labels: str) -> float:
        """Return what a counter has come to."""
        return self.registry.get_sample_value(f"{metric.name}_total", labels) or 0.0

    def serve(self, port: int, address: str = "127.0.0.1") -> None:
        """Answer ``GET /metrics`` in a background thread.

        Raises
        ------
        UsageError
            If the port cannot be listened on.
        """
        try:
            start_http_server(port, address, registry=self.registry)
        except OSError as error:
            raise UsageError(
                f"cannot serve metrics on {address}:{port}: {error.strerror}; choose another port"
            ) from error
