"""A short run of the embedded mode that a real Prometheus watched, and what Grafana would ask of it."""

import io
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from grafana.panel import Panel
from streams.cli import outcome_of
from streams.intake import Provenance
from streams.pipeline import load_pipeline
from streams.session import run_embedded
from streams.source import Skipped, SourceFile, folder_files
from tests.grafana.picky import SMALL
from tests.grafana.prometheus import SCRAPE_S, Prometheus, Series

PIPELINE = """
path = ["tests.grafana.picky:Picky", "stages.denoise:Denoise", "stages.metrics:Metrics", "stages.selector:Selector"]
[filter.candidates]
mean = {method = "stages.filter.mean:Mean"}
gaussian = {method = "stages.filter.gaussian:Gaussian"}
median = {method = "stages.filter.median:Median"}
[denoise.candidates.unet]
method = "stages.denoise.network:UNetDenoiser"
weights = "unet-sim"
"""
INSTRUMENT = "sem-1"
SIMULATED = 18
REJECTED = 1
ANSWERED = "sum(semstream_end_to_end_seconds_count) + sum(semstream_dead_letters_total)"
CAUGHT_UP = "-sum(semstream_lag_messages)"
STEP_S = 0.5
RATE_S = 8 * SCRAPE_S


@dataclass(frozen=True)
class Watched:
    """What a Prometheus knows of a run, and what its ledger knows."""

    prometheus: Prometheus
    folder: Path
    begun: float
    halfway: float
    ended: float
    rate_s: float

    def answers(self, panel: Panel, since: float | None = None) -> list[tuple[str, Series]]:
        """Return the series that a panel would show of the run, each with its name."""
        begun = self.begun if since is None else since
        found = [(query, self._asked(query.expr, begun, over_time=panel.shape.over_time)) for query in panel.queries]
        return [(series.named(query.legend), series) for query, many in found for series in many]

    def _asked(self, expr: str, begun: float, *, over_time: bool) -> list[Series]:
        given = {"$__rate_interval": f"{self.rate_s:g}s", "$__range": f"{1000 * (self.ended - begun):.0f}ms"}
        for name, value in {**given, "$lane": ".*", "$stage": ".*", "$instrument": ".*"}.items():
            expr = expr.replace(name, value)
        if over_time:
            return self.prometheus.over(expr, begun, self.ended, STEP_S)
        return self.prometheus.at(expr, self.ended)

    def settled(self) -> dict[tuple[str, str], int]:
        """Count the ledger's settlements, by stage and state."""
        ledger = self.folder / "out" / ".semstream" / "ledger.sqlite"
        with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT stage, state, count(*) FROM settlement GROUP BY stage, state")
            return {(stage, state): count for stage, state, count in rows}


def watched_run(
    prometheus: Prometheus, port: int, folder: Path, *, images: int = SIMULATED, side: int = 128, rate_s: float = RATE_S
) -> Watched:
    """Run images in two halves, both of them seen by Prometheus, with its process there for some scrapes more."""
    _simulate(folder / "in" / "large", images, side)
    _simulate(folder / "in" / "small", REJECTED, SMALL // 2)
    (folder / "watched.toml").write_text(PIPELINE)
    times = [time.time()]

    def halves() -> Iterator[SourceFile | Skipped]:
        files = list(folder_files(folder / "in"))
        prometheus.wait_for("semstream_build_info", 1)
        for number, file in enumerate(files, start=1):
            yield file
            if number == images // 2:
                times.append(_seen(prometheus, number))
        times.append(_seen(prometheus, images + REJECTED))

    run_embedded(
        halves(),
        folder / "out",
        load_pipeline(folder / "watched.toml"),
        provenance=Provenance("/test", INSTRUMENT),
        console=Console(file=io.StringIO()),
        title="watched",
        metrics_port=port,
    )
    begun, halfway, ended = times
    return Watched(prometheus, folder, begun, halfway, ended, rate_s)


def _simulate(folder: Path, images: int, side: int) -> None:
    code, said = outcome_of(["simulate", str(folder), "--images", str(images), "--size", str(side)])
    assert code == 0, said


def _seen(prometheus: Prometheus, answered: int) -> float:
    """Wait until Prometheus has seen this many images answered and nothing left to do, and some scrapes more."""
    prometheus.wait_for(ANSWERED, answered)
    prometheus.wait_for(CAUGHT_UP, 0)
    time.sleep(4 * SCRAPE_S)
    return time.time()
