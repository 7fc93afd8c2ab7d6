"""``semstream top``: a live view of the fleet."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType
from typing import Annotated

import orjson
import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from streams.commands.options import AsJson
from streams.commands.tables import table_console
from streams.durations import duration, written
from streams.errors import TransientError, UsageError
from streams.top.fleet import Fleet, fleet_of
from streams.top.look import Source
from streams.top.view import ALARM, view
from streams.wiring.process import utc_now
from streams.wiring.top import source_of

FAILED = 1
SETTLED_S = 0.1
"""How soon Ctrl-C ends a look that waits."""
ROOM = 9
"""Lines of a terminal that are for neither processes nor stages."""

PrometheusUrl = Annotated[
    str | None, typer.Option("--prometheus", metavar="URL", help="The Prometheus that watches the fleet.")
]
Pages = Annotated[
    list[str] | None,
    typer.Option("--metrics", metavar="URL", help="A process (host:port); may be repeated. Else 127.0.0.1:9464."),
]
Once = Annotated[bool, typer.Option("--once", help="Print one table and end.")]
EveryS = Annotated[float, typer.Option("--every", min=0.2, metavar="SECONDS", help="How often to look.")]
Over = Annotated[str, typer.Option("--over", help="Rates are of the last so long: 30s, 5m.")]


def top(
    *,
    prometheus: PrometheusUrl = None,
    metrics: Pages = None,
    once: Once = False,
    every: EveryS = 2.0,
    over: Over = "1m",
    json: AsJson = False,
) -> None:
    """Show what the fleet is at: rates, lag, where time goes, errors, cache hits, GPUs, and who does not answer.

    Exit codes: 0 shown until Ctrl-C or once, 1 nobody answers, 2 wrong usage.
    """
    span = duration(over)
    if span.total_seconds() < 1:
        raise UsageError(f"--over {over}: a second at the least")
    source = source_of(prometheus, metrics or [], over_s=span.total_seconds())
    with _stopping() as stop:
        looks = _looks(source, stop, every)
        if json or once or not Console().is_terminal:
            code = _printed(looks, source.looks_for_rates if once else 0, written(span), json=json)
        else:
            code = _live(looks, written(span))
    raise typer.Exit(code)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Yield what is set by SIGINT and SIGTERM: somebody has seen enough."""
    stop = threading.Event()

    def asked(_: int, __: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _looks(source: Source, stop: threading.Event, every_s: float) -> Iterator[Fleet | str]:
    """Yield a fleet after every look, or why nobody could tell of it, until somebody stops it."""
    pool = ThreadPoolExecutor(1, "look")
    try:
        while not stop.is_set():
            looking = pool.submit(lambda: fleet_of(source.look(), at=utc_now(), told_by=source.told_by))
            while not wait([looking], SETTLED_S).done and not stop.is_set():
                pass
            if looking.done():
                yield _found(looking)
            stop.wait(every_s)
    finally:
        pool.shutdown(wait=False)


def _found(looking: Future[Fleet]) -> Fleet | str:
    try:
        return looking.result()
    except TransientError as error:
        return f"{error}; check the address, or ask the processes themselves: --metrics HOST:PORT"


def _printed(looks: Iterator[Fleet | str], wanted: int, over: str, *, json: bool) -> int:
    """Print looks, one after the other; of ``wanted``, where that is any, the last one alone."""
    console = table_console()
    for number, found in enumerate(looks, start=1):
        if isinstance(found, str):
            typer.echo(found, err=True)
            return FAILED
        if number >= wanted:
            if json:
                typer.echo(orjson.dumps(asdict(found)))
            else:
                console.print(view(found, over=over))
            if wanted:
                return 0 if found.answering else FAILED
    return 0


def _live(looks: Iterator[Fleet | str], over: str) -> int:
    first = next(looks, None)
    if isinstance(first, str):
        typer.echo(first, err=True)
        return FAILED
    if first is None:
        return 0
    console, shown = Console(), first
    with Live(view(first, over=over), console=console, screen=True, auto_refresh=False) as live:
        live.refresh()
        for found in looks:
            shown = shown if isinstance(found, str) else found
            trouble = [Text(found, ALARM), Text()] if isinstance(found, str) else []
            room = console.height - ROOM - 2 * len(shown.stages)
            live.update(Group(*trouble, view(shown, over=over, processes=max(1, room))), refresh=True)
    return 0
