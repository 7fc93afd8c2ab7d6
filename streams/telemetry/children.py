"""What the children of a process use: its decoders, and stages that run in processes of their own."""

import os
import resource
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from streams.telemetry.catalogue import CHILDREN_CPU_SECONDS, CHILDREN_MEMORY

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class ChildrenCollector(Collector):
    """Reads the kernel's account of the children when it is asked."""

    def __init__(self) -> None:
        self._most_s = 0.0

    def describe(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """Name the metrics."""
        return _families(0, 0)

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """Return what they use now."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        living = list(_living())
        seconds = ended.ru_utime + ended.ru_stime + sum(ticks for ticks, _ in living) / TICKS_A_SECOND
        self._most_s = max(self._most_s, seconds)  # one that ends between both looks is in neither
        return _families(self._most_s, PAGE_BYTES * sum(pages for _, pages in living))


def _families(seconds: float, memory_bytes: float) -> list[CounterMetricFamily | GaugeMetricFamily]:
    return [
        CounterMetricFamily(CHILDREN_CPU_SECONDS.name, CHILDREN_CPU_SECONDS.meaning, value=seconds),
        GaugeMetricFamily(CHILDREN_MEMORY.name, CHILDREN_MEMORY.meaning, value=memory_bytes),
    ]


def _living() -> Iterator[tuple[int, int]]:
    """Yield ticks on a core and pages in RAM of each child; one that ends meanwhile is left out."""
    for listed in Path("/proc/self/task").glob("*/children"):
        try:
            children = listed.read_text().split()
        except OSError:
            continue
        for child in children:
            try:
                text = Path(f"/proc/{child}/stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            fields = text.rsplit(") ", 1)[1].split()
            yield int(fields[11]) + int(fields[12]), int(fields[21])
