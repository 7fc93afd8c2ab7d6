"""What a worker process on this machine tells of itself over HTTP."""

import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from streams.telemetry.metric import Metric

PATIENCE_S = 10.0
LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class Scraped:
    """All samples of a moment."""

    samples: tuple[Sample, ...] = ()

    def total(self, metric: Metric, part: str = "", **labels: str) -> float:
        """Sum the samples of a metric that have these labels; ``part`` is ``_sum`` or ``_count`` of what has those."""
        name, wanted = f"{metric.series}{part}", labels.items()
        return sum(one.value for one in self.samples if one.name == name and wanted <= one.labels.items())

    def mean(self, metric: Metric) -> float | None:
        """Return the mean over a metric's samples; None where there is none."""
        values = [one.value for one in self.samples if one.name == metric.series]
        return sum(values) / len(values) if values else None


def scraped(port: int) -> Scraped:
    """Ask a process for its metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return Scraped(tuple(sample for family in families for sample in family.samples))


def wait_until_ready(port: int, *, patience_s: float) -> None:
    """Wait until a process is ready; raises `TimeoutError` with its reason when it does not become it for so long."""
    end_s = time.monotonic() + patience_s
    while (reason := _why_not(port)) is not None:
        if time.monotonic() > end_s:
            raise TimeoutError(f"a worker was not ready within {patience_s:.0f} s: {reason}")
        time.sleep(LOOK_EVERY_S)


def _why_not(port: int) -> str | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE_S):
            return None
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode(errors="replace").strip()
    except OSError as error:  # it has only just started
        return str(error)
