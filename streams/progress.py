"""Live progress: bars on a terminal, plain lines elsewhere."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from streams.embedded import Progress
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import IMAGES

PLAIN_LINE_EVERY_S, UNCHANGED_LINE_EVERY_S = 5.0, 30.0
"""A line where an image was settled since the last, and a sign of life where none was."""
PACE_OF_S = 60.0
"""Seconds whose pace tells the time left; what was settled before the first line was known, and takes no time."""


class Show(Protocol):
    """Shows how far a run is; called several times a second."""

    def __call__(self, progress: Progress) -> None:
        """Show."""


class View:
    """What there is to say of a run at a moment."""

    def __init__(self, telemetry: Telemetry, stages: tuple[str, ...], expected: int | None) -> None:
        self._telemetry = telemetry
        self._stages = stages
        self._expected = expected
        self._start = time.monotonic()
        self._marks: deque[tuple[float, int]] = deque()

    def rate(self, progress: Progress) -> str:
        """Images with a result a second, since the start."""
        return f"{progress.selected / self._elapsed_s:.2f} images/s"

    def left(self, progress: Progress) -> str:
        """How long the others will take, at the pace of the last minute; nothing while that is not known."""
        now, total = time.monotonic(), self.total(progress)
        self._marks.append((now, progress.settled))
        while len(self._marks) > 2 and self._marks[1][0] <= now - PACE_OF_S:
            self._marks.popleft()
        then, before = self._marks[0]
        if not total or progress.settled >= total or progress.settled == before:
            return ""
        seconds = (total - progress.settled) * (now - then) / (progress.settled - before)
        return f", {timedelta(seconds=round(seconds))} left"

    @property
    def _elapsed_s(self) -> float:
        return max(time.monotonic() - self._start, 1e-3)

    def total(self, progress: Progress) -> int | None:
        """Images in all, as far as that is known."""
        known = progress.known
        return known if progress.all_published else max(self._expected, known) if self._expected else None

    def backlogs(self, progress: Progress) -> str:
        """Images that wait for each stage or are in it."""
        arrived = float(progress.published)
        shown = []
        for stage in self._stages:
            done = self._telemetry.total(IMAGES, stage=stage, outcome="done")
            rejected = self._telemetry.total(IMAGES, stage=stage, outcome="rejected")
            shown.append(f"{stage} {max(0, arrived - done - rejected):.0f}")
            arrived = done
        return "waiting: " + ", ".join(shown)


@contextmanager
def showing(console: Console, telemetry: Telemetry, stages: tuple[str, ...], *, expected: int | None) -> Iterator[Show]:
    """Yield what shows the progress on this console; ``expected`` images, where that is known beforehand."""
    view = View(telemetry, stages, expected)
    if not console.is_terminal:
        yield _Lines(console, view)
        return
    columns = (MofNCompleteColumn(), TextColumn("images"), BarColumn(20), TextColumn("{task.fields[rate]}"))
    bars = Bars(*columns, TimeRemainingColumn(), TextColumn("left"), console=console)
    task = bars.add_task("", total=expected, rate="")
    backlogs = Text(style="dim")
    with Live(Group(bars, backlogs), console=console, transient=True):

        def show(progress: Progress) -> None:
            bars.update(task, completed=progress.settled, total=view.total(progress), rate=view.rate(progress))
            backlogs.plain = view.backlogs(progress)

        yield show


class _Lines:
    def __init__(self, console: Console, view: View) -> None:
        self._console = console
        self._view = view
        self._last = time.monotonic()
        self._settled = 0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        moved = progress.settled != self._settled
        if now - self._last < (PLAIN_LINE_EVERY_S if moved else UNCHANGED_LINE_EVERY_S):
            return
        self._last, self._settled = now, progress.settled
        total = self._view.total(progress)
        done = f"{progress.settled} of {total} images done" if total else f"{progress.settled} images done"
        failed = f", {len(progress.failures)} of them failed" if progress.failures else ""
        rate = self._view.rate(progress) + self._view.left(progress)
        line = f"{done}{failed}, {rate}; {self._view.backlogs(progress)}"
        self._console.print(line, highlight=False, soft_wrap=True)
