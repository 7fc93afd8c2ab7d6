"""``semstream publish``: files and folders to the images topic, once or for as long as an instrument writes."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.agent.assembly import FeedOptions, World
from streams.agent.journal import FeedStanding, Setback
from streams.agent.meter import AgentMeter
from streams.agent.once import Count, PublishSummary, publish_once
from streams.agent.watching import Timing, watch_folder
from streams.commands.options import (
    AsJson,
    Bits,
    MetricsPort,
    PriorFile,
    Recipe,
    SecondSuffix,
    check_lane,
    check_second_suffix,
)
from streams.commands.provenance import provenance_of
from streams.commands.tables import table_console
from streams.errors import UsageError
from streams.pipeline import IMAGES, LIVE, topic
from streams.settings import Settings, WorkerSettings
from streams.telemetry import Telemetry
from streams.telemetry.serving import served
from streams.wiring.publishing import journal_standing, publishing

SHOWN = 10
PROGRESS_EVERY_S = 5.0
FAILED = 1


Paths = Annotated[list[Path] | None, typer.Argument(help="Folders and files; they are never written to.")]
Watched = Annotated[Path | None, typer.Option(help="Publish what is finished in this folder, until SIGTERM or Ctrl-C.")]
Status = Annotated[bool, typer.Option("--status", help="Say what the journal knows, and do nothing else.")]
Instrument = Annotated[str, typer.Option(help="Id of the instrument that wrote the images.")]
Source = Annotated[
    str | None, typer.Option(help="URI of where they come from, part of their identity; else /feeds/INSTRUMENT.")
]
Lane = Annotated[str, typer.Option(help="The lane whose topic they go to.")]
State = Annotated[Path | None, typer.Option(help="Folder of the journal; else the state folder of the settings.")]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="Settings file; else SEMSTREAM_SETTINGS or .stack/settings.toml.")
]
SettleS = Annotated[float, typer.Option(min=0, help="A watched file is read when it has rested so long.")]
GiveUpS = Annotated[
    float, typer.Option(min=0, help="A watched file that cannot be read for so long has failed, until it changes.")
]
LookS = Annotated[float, typer.Option(min=0.01, help="How often the watched folder is looked at.")]
SecondWaitS = Annotated[
    float,
    typer.Option(min=0, help="So long a watched file waits for its second frame; without one it is published alone."),
]
Uploads = Annotated[int, typer.Option(min=1, help="Files, or pairs, in memory and on their way at a time.")]
ZerosOk = Annotated[bool, typer.Option("--zeros-ok", help="Files that end in zeros are finished.")]


def publish(
    paths: Paths = None,
    *,
    watch: Watched = None,
    status: Status = False,
    instrument: Instrument = "unknown",
    recipe: Recipe = None,
    prior: PriorFile = None,
    bits: Bits = None,
    source: Source = None,
    lane: Lane = LIVE,
    state: State = None,
    settings: SettingsFile = None,
    second_suffix: SecondSuffix = None,
    second_wait_s: SecondWaitS = 90.0,
    settle_s: SettleS = 2.0,
    give_up_s: GiveUpS = 60.0,
    look_s: LookS = 0.5,
    uploads: Uploads = 2,
    zeros_ok: ZerosOk = False,
    metrics_port: MetricsPort = None,
    json: AsJson = False,
) -> None:
    """Publish images: upload, verify, then announce them on the topic; what is done already is not done again.

    Exit codes: 0 all published or asked to stop, 1 some file failed or a service was away, 2 wrong usage.
    """
    if status:
        _print_standing(*journal_standing(state or Settings.load(settings).worker.state), json=json)
        return
    if bool(paths) == bool(watch):
        raise UsageError("name folders or files to publish, or one folder with --watch")
    if metrics_port is not None and not watch:
        raise UsageError("--metrics-port goes with --watch: publishing once tells what it did in the end")
    check_lane(lane)
    check_second_suffix(second_suffix)
    provenance = provenance_of(source or f"/feeds/{instrument}", instrument, recipe, prior, bits)
    options = FeedOptions(
        provenance, topic(lane, IMAGES), zeros_ok=zeros_ok, uploads=uploads, second_suffix=second_suffix
    )
    configured = Settings.load(settings)
    place = state or configured.worker.state
    _check_apart(place, [*(paths or []), *([watch] if watch else [])])
    stop = threading.Event()
    with publishing(configured, place, stop=stop, uploads=uploads) as world:
        if watch:
            _stop_on_signals(stop)
            timing = Timing(settle_s, give_up_s, look_s, second_wait_s=second_wait_s)
            with _metered(options, metrics_port, configured.worker, world.clock) as meter:
                watch_folder(watch, options, world, timing, meter)
        else:
            _publish_once(paths or [], options, world, json=json)


@contextmanager
def _metered(
    options: FeedOptions, port: int | None, here: WorkerSettings, clock: Callable[[], float]
) -> Iterator[AgentMeter]:
    """Count what the agent does, and serve it where a port is named."""
    telemetry = Telemetry()
    meter = AgentMeter(telemetry, options.provenance.instrument_id, clock=clock)
    if port is None:
        yield meter
        return
    address, targets = here.metrics_address, here.metrics_targets
    with served(telemetry, meter.why_not_ready, port=port, address=address, targets=targets):
        yield meter


def _publish_once(paths: list[Path], options: FeedOptions, world: World, *, json: bool) -> None:
    summary = publish_once(paths, options, world, show=_progress(Console(stderr=True), world.clock))
    _print_summary(table_console(), summary)
    if json:
        print(summary.to_json().decode())  # noqa: T201 - the interface
    raise typer.Exit(FAILED if summary.failed else 0)


def _check_apart(state: Path, paths: list[Path]) -> None:
    """Refuse to write where the input is."""
    for path in paths:
        if path.is_dir() and state.resolve().is_relative_to(path.resolve()):
            raise UsageError(f"the journal in {state} would lie in {path}, which is never written to; choose --state")


def _stop_on_signals(stop: threading.Event) -> None:
    """End in good order at the first signal; at the second as if nobody had asked."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def asked(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, asked)


def _progress(console: Console, clock: Callable[[], float]) -> Callable[[Count], None]:
    """Return what says now and then how far the files are."""
    last = clock()

    def show(count: Count) -> None:
        nonlocal last
        if clock() - last >= PROGRESS_EVERY_S:
            last = clock()
            console.print(f"{count.files} files done, {count.published} published", highlight=False)

    return show


def _print_summary(console: Console, summary: PublishSummary) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_row("published", f"{summary.published} files in {summary.seconds:.1f} s, {summary.images} images")
    table.add_row("known", f"{summary.known} published before and unchanged")
    for word, colour, count, those in (
        ("failed", "red", summary.failed, summary.failures),
        ("skipped", "dim", summary.skipped, summary.skips),
    ):
        table.add_row(word, str(count))
        for failure in those[:SHOWN]:
            table.add_row("", f"[{colour}]{_shown(failure.path)}: {_shown(failure.reason)}")
        if count > SHOWN:
            table.add_row("", f"[dim]and {count - SHOWN} more: see semstream publish --status, or --json")
    console.print(table, highlight=False)


def _print_standing(feeds: list[FeedStanding], setbacks: list[Setback], *, json: bool) -> None:
    if json:
        print(orjson.dumps({"feeds": feeds, "setbacks": setbacks}, option=orjson.OPT_NON_STR_KEYS).decode())  # noqa: T201 - the interface
        return
    table = Table.grid(padding=(0, 2))
    for feed in feeds:
        files = ", ".join(f"{count} {state}" for state, count in feed.files.items()) or "no files"
        table.add_row(f"{_shown(feed.feed.folder)} to {feed.feed.topic}", files)
        table.add_row("", f"events to be published: {feed.pending_events}")
    for setback in setbacks:
        table.add_row(
            f"[red]{_shown(setback.name)}", f"{setback.state} since {setback.since:%F %T}: {_shown(setback.reason)}"
        )
    table_console().print(table, highlight=False)


def _shown(text: str) -> str:
    return escape("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))
