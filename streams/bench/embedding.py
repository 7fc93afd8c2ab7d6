"""An embedded run in a temporary folder, for measuring."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.embedded import EmbeddedRun, Progress
from streams.feed import Feed, Window
from streams.intake import Provenance
from streams.pipeline import Pipeline
from streams.results import Results
from streams.source import Skipped, SourceFile
from streams.telemetry import Telemetry
from streams.tracing import Tracer
from streams.wiring.embedded import Embedded, embedded
from streams.wiring.process import utc_now

SOURCE = "/bench"


@dataclass(frozen=True)
class Trial:
    """A run that is wired and not started."""

    run: Callable[[Iterable[SourceFile | Skipped]], None]
    progress: Progress
    parts: Embedded
    results: Results


@contextmanager
def trial(
    pipeline: Pipeline,
    *,
    cores: int | None = None,
    show: Callable[[Progress], None] = lambda progress: None,
    telemetry: Telemetry | None = None,
    tracer: Tracer | None = None,
) -> Iterator[Trial]:
    """Wire the embedded mode in a folder that vanishes afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        with embedded(out / "state", pipeline, cores=cores, telemetry=telemetry, tracer=tracer) as parts:
            results = Results(out, parts.store, parts.frames, parts.decoder, pipeline=pipeline.hash)
            topic = pipeline.steps()[0].consumes

            def feed(window: Window) -> Feed:
                return Feed(parts.store, parts.decoder, parts.publisher, window, topic, Provenance(SOURCE), utc_now)

            run = EmbeddedRun(parts, feed, results, show=show)
            yield Trial(run, run.progress, parts, results)
