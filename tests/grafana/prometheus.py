"""A real Prometheus of a test's own, which scrapes one process often."""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from deploy.local.probes import http_ok
from tests.streams.telemetry.test_serving import free_port

SCRAPE_S = 0.25
PATIENCE_S = 170.0


@dataclass(frozen=True)
class Series:
    """One series of an answer: its labels, and its values at their times."""

    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]

    def named(self, legend: str) -> str:
        """Name it as Grafana does."""
        return re.sub(r"\{\{(\w+)\}\}", lambda found: self.labels.get(found[1], ""), legend).strip()


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that answers at a port."""

    port: int

    def at(self, expr: str, when: float) -> list[Series]:
        """Ask for the values at a time."""
        return self._asked("query", query=expr, time=f"{when:.3f}")

    def over(self, expr: str, begun: float, ended: float, step_s: float) -> list[Series]:
        """Ask for the values of a stretch of time."""
        return self._asked("query_range", query=expr, start=f"{begun:.3f}", end=f"{ended:.3f}", step=f"{step_s:g}")

    def values_of(self, label: str, metric: str) -> set[str]:
        """Ask which values a label has in the series of a metric."""
        query = urlencode({"match[]": metric})
        return set(self._got(f"/api/v1/label/{label}/values?{query}")["data"])

    def wait_for(self, expr: str, enough: float) -> None:
        """Wait until a query's sum is as large as this."""
        wait(lambda: sum(series.points[-1][1] for series in self.at(expr, time.time())) >= enough, expr)

    def ready(self) -> bool:
        """Whether it answers."""
        return http_ok(self.port, "/-/ready")

    def _asked(self, kind: str, **parameters: str) -> list[Series]:
        answer = self._got(f"/api/v1/{kind}?{urlencode(parameters)}")["data"]["result"]
        return [_series(found) for found in answer]

    def _got(self, path: str) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{path}: {error.read().decode()}") from error
        return found


def _series(found: dict[str, Any]) -> Series:
    points = found.get("values") or [found["value"]]
    return Series(found["metric"], tuple((float(when), float(value)) for when, value in points))


def wait(until: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not until():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(SCRAPE_S / 2)


def program() -> str:
    """Return where Prometheus is; where it is absent the test is skipped, or fails when ``CI`` is set."""
    found = shutil.which("prometheus")
    if found is None and os.environ.get("CI"):
        pytest.fail("prometheus is absent although CI is set: apt-get install prometheus")
    if found is None:
        pytest.skip("prometheus is absent: apt-get install prometheus")
    return found


@contextmanager
def scraping(target: int, folder: Path) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes the process at a port, whether that is there yet or not."""
    scraped = {"job_name": "semstream", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
    often = {"scrape_interval": f"{SCRAPE_S * 1000:g}ms", "scrape_timeout": f"{SCRAPE_S * 1000:g}ms"}
    (folder / "prometheus.yml").write_text(json.dumps({"global": often, "scrape_configs": [scraped]}))
    port = free_port()
    command = [program(), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        prometheus = Prometheus(port)
        wait(prometheus.ready, "Prometheus")
        yield prometheus
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
