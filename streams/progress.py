"""Live progress: bars on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from streams.embedded import Progress
from streams.telemetry import IMAGES, Telemetry

PLAIN_LINE_EVERY_S = 5.0


class Show(Protocol):
    """Shows how far a run is; called several times a second."""

    def __call__(self, progress: Progress) -> None:
        """Show."""


@contextmanager
def showing(console: Console, telemetry: Telemetry, stages: tuple[str, ...], *, expected: int | None) -> Iterator[Show]:
    """Yield what shows the progress on this console; ``expected`` images, where that is known beforehand."""
    if not console.is_terminal:
        yield _Lines(console, telemetry, stages)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[backlog]}"),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task("images", total=expected, backlog="")

        def show(progress: Progress) -> None:
            backlog = _backlogs(progress, telemetry, stages)
            bars.update(task, completed=progress.settled, total=_total(progress, expected), backlog=backlog)

        yield show


class _Lines:
    def __init__(self, console: Console, telemetry: Telemetry, stages: tuple[str, ...]) -> None:
        self._console = console
        self._telemetry = telemetry
        self._stages = stages
        self._start = self._last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last < PLAIN_LINE_EVERY_S:
            return
        self._last = now
        rate = progress.settled / (now - self._start)
        backlog = _backlogs(progress, self._telemetry, self._stages)
        self._console.print(f"{progress.settled} images done, {rate:.2f} images/s; {backlog}", highlight=False)


def _total(progress: Progress, expected: int | None) -> int | None:
    known = progress.published + len(progress.failures)
    return known if progress.all_published else max(expected, known) if expected else None


def _backlogs(progress: Progress, telemetry: Telemetry, stages: tuple[str, ...]) -> str:
    arrived = float(progress.published)
    shown = []
    for stage in stages:
        done = telemetry.total(IMAGES, stage=stage, state="done")
        rejected = telemetry.total(IMAGES, stage=stage, state="rejected")
        shown.append(f"{stage} {max(0, arrived - done - rejected):.0f}")
        arrived = done
    return "waiting: " + ", ".join(shown)
