"""A run as a user sees it: progress, results, report, summary."""

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from schemas.events import ImageEvent
from schemas.frame import Frame
from streams.embedded import EmbeddedRun, Progress
from streams.feed import Feed, Window
from streams.intake import Provenance
from streams.job import Desk
from streams.kept_pipelines import keep
from streams.leftovers import stale, sweep
from streams.logs import log_to
from streams.pipeline import LIVE, Pipeline
from streams.progress import showing
from streams.report.entry import ReportEntry, Setback
from streams.report.entry import Summary as ReportSummary
from streams.report.page import write_report
from streams.results import IMAGES, Results
from streams.retries import Attempts, Retrying, was_rejected
from streams.source import STATE, Skipped, SourceFile
from streams.summary import Failure, Summary
from streams.telemetry.readiness import Readiness
from streams.telemetry.serving import served
from streams.transport import Publisher
from streams.whole_file import write_whole
from streams.wiring.embedded import Embedded, embedded
from streams.wiring.process import utc_now
from streams.wiring.tracing import tracing


def run_embedded(
    files: Iterable[SourceFile | Skipped],
    out: Path,
    pipeline: Pipeline,
    *,
    provenance: Provenance,
    console: Console,
    title: str,
    expected: int | None = None,
    metrics_port: int | None = None,
    retry_failed: bool = False,
) -> Summary:
    """Process files to the end and leave images, certificates, report and summary in ``out``.

    Images that a stage of this pipeline rejected in an earlier run are rejected again, or computed anew with
    ``retry_failed``.
    """
    with (
        tracing() as tracer,
        embedded(out / STATE, pipeline, tracer=tracer) as parts,
        log_to(out / "semstream.log"),
        _served(parts, metrics_port),
    ):
        sweep(out, within=(IMAGES, STATE))
        keep(pipeline, out / STATE)
        results = Results(out, parts.store, parts.frames, parts.decoder, pipeline=pipeline.hash)
        publisher = _publisher(parts, pipeline, out / STATE / "retries.jsonl", retry_failed=retry_failed)

        def feed(window: Window) -> Feed:
            topic = pipeline.steps()[0].consumes
            return Feed(parts.store, parts.decoder, publisher, window, topic, provenance, utc_now)

        stages = tuple(stage.name for stage in pipeline.stages)
        start = time.perf_counter()
        with showing(console, parts.telemetry, stages, expected=expected) as show:
            run = EmbeddedRun(parts, feed, results, show=show)
            run(files)
        summary = _summary(run.progress, results, parts, out, seconds=time.perf_counter() - start)
        write_whole(out / "summary.json", summary.to_json() + b"\n")
        _write_report(out, summary, results, parts, title=title, pipeline=pipeline)
    return summary


def _served(parts: Embedded, port: int | None) -> AbstractContextManager[None]:
    """Serve the run's metrics where somebody asked for them."""
    return nullcontext() if port is None else served(parts.telemetry, Readiness(parts.crews).why_not, port=port)


def _publisher(parts: Embedded, pipeline: Pipeline, journal: Path, *, retry_failed: bool) -> Publisher:
    desks = [Desk(step, LIVE, pipeline.hash) for step in pipeline.steps()]
    rejected = was_rejected(parts.ledger, desks)
    return Retrying(parts.publisher, Attempts(journal, pipeline.hash), rejected if retry_failed else _never)


def _never(_: str, __: int) -> bool:
    return False


def print_summary(console: Console, summary: Summary, out: Path) -> None:
    """Print the table that ends a run."""
    table = Table(title=None, show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    rate = f"{summary.images_per_s:.2f} images/s"
    if summary.images == 0:
        console.print("no image was found: TIFF, PNG, BMP and JPEG files are read, whatever their names")
    table.add_row("images", f"{summary.images} in {summary.seconds:.1f} s ({rate})")
    table.add_row(
        "selected",
        f"{summary.selected}, of which {summary.cache_hits} were known already",
    )
    for method, count in sorted(summary.by_method.items(), key=lambda item: -item[1]):
        table.add_row("", f"{count} x {method}")
    table.add_row("failed", str(summary.failed))
    for failure in summary.failures[:10]:
        table.add_row("", f"[red]{_shown(failure.path)}: {_shown(failure.reason)}")
    if summary.rejected:
        kept = "that one is" if summary.rejected == 1 else f"{summary.rejected} of them are"
        table.add_row("", f"[dim]{kept} computed anew only with --retry-failed")
    table.add_row("skipped", str(summary.skipped))
    for skip in summary.skips[:10]:
        table.add_row("", f"[dim]{_shown(skip.path)}: {_shown(skip.reason)}")
    if len(summary.failures) > 10 or len(summary.skips) > 10:
        table.add_row("", f"[dim]all of them: {escape(str(out / 'summary.json'))}")
    table.add_row("results", escape(str(out / IMAGES)))
    if summary.stale:
        table.add_row("", f"[yellow]{_of_earlier_runs(summary)}")
    table.add_row("report", escape(str(out / "report.html")))
    console.print(table, highlight=False)


def _of_earlier_runs(summary: Summary) -> str:
    """Say what lies among the results and is none of this run."""
    names = ", ".join(map(_shown, summary.stale_files[:3])) + (", ..." if summary.stale > 3 else "")
    files = "1 more file there is" if summary.stale == 1 else f"{summary.stale} more files there are"
    return f"{files} left from earlier runs: {names} (all: stale_files in summary.json)"


def _shown(text: str) -> str:
    return escape("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))


def _summary(progress: Progress, results: Results, parts: Embedded, out: Path, *, seconds: float) -> Summary:
    left = stale(out / IMAGES, {results.path_of(event) for event in results.events()})
    return Summary(
        images=progress.settled,
        selected=progress.selected,
        failed=len(progress.failures),
        skipped=len(progress.skips),
        cache_hits=len(results.selected_ids - set(parts.computed)),
        computed=len(parts.computed),
        seconds=round(seconds, 3),
        images_per_s=round(progress.settled / seconds, 3),
        by_method=dict(results.by_method),
        failures=tuple(Failure(path=path, reason=reason) for path, reason in progress.failures),
        skips=tuple(Failure(path=path, reason=reason) for path, reason in progress.skips),
        rejected=progress.rejected,
        stale=len(left),
        stale_files=tuple(left),
    )


def _write_report(
    out: Path, summary: Summary, results: Results, parts: Embedded, *, title: str, pipeline: Pipeline
) -> None:
    entries = (_entry(event, results, parts) for event in results.events())
    about = ReportSummary(
        seconds=summary.seconds,
        failures=[Setback(failure.path, failure.reason) for failure in summary.failures],
        skips=[Setback(skip.path, skip.reason) for skip in summary.skips],
        finished_at=datetime.now(UTC),
        facts={
            "semstream": version("semstream"),
            "pipeline": f"{pipeline.name} ({pipeline.hash})",
            "computed in this run": f"{summary.computed} image{'' if summary.computed == 1 else 's'}",
            **({"of earlier runs in images/": f"{summary.stale}, not on this page"} if summary.stale else {}),
        },
    )
    write_report(out / "report.html", entries, about, title=title)


def _entry(event: ImageEvent, results: Results, parts: Embedded) -> ReportEntry:
    def frame(name: str) -> Frame:
        return parts.frames.of(event, [name])[name]

    computed = parts.computed.get(event.acquisition.acquisition_id, set())
    candidates = tuple(candidate.but(cache_hit=candidate.name not in computed) for candidate in event.candidates)
    return ReportEntry(event.but(candidates=candidates), frame, event.acquisition.source_name, results.path_of(event))
