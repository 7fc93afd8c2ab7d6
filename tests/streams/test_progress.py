"""Progress where there is no terminal: lines that a log can hold."""

import io

import pytest
from rich.console import Console

from streams.embedded import Progress
from streams.progress import showing
from streams.telemetry import Telemetry


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("streams.progress.time.monotonic", lambda: now[0])
    return now


def test_a_line_is_written_when_images_were_settled_and_now_and_then_when_none_were(clock: list[float]) -> None:
    console = Console(file=io.StringIO(), width=200)
    progress = Progress(published=4)
    lines = []
    with showing(console, Telemetry(), ("filter",), expected=10) as show:
        for second in range(1, 101):
            clock[0] = float(second)
            progress.selected += second in {2, 3, 50}
            show(progress)
            lines.append(console.file.getvalue().count("\n"))  # type: ignore[attr-defined]
    written = [
        second for second, (before, after) in enumerate(zip([0, *lines], lines, strict=False), 1) if after > before
    ]
    assert written == [5, 35, 50, 80]


def test_a_line_says_how_far_how_fast_and_what_waits(clock: list[float]) -> None:
    console = Console(file=io.StringIO(), width=200)
    with showing(console, Telemetry(), ("filter", "denoise"), expected=10) as show:
        clock[0] = 8.0
        show(Progress(published=4, selected=2))
    line = console.file.getvalue()  # type: ignore[attr-defined]
    assert line == "2 of 10 images done, 0.25 images/s, 0:00:32 left; waiting: filter 4, denoise 0\n"


def test_what_failed_is_told_and_is_in_no_rate(clock: list[float]) -> None:
    console = Console(file=io.StringIO(), width=200)
    with showing(console, Telemetry(), ("filter",), expected=4) as show:
        clock[0] = 8.0
        show(Progress(published=3, selected=2, failures=[("broken.tif", "no image")]))
    line = console.file.getvalue()  # type: ignore[attr-defined]
    assert line.startswith("3 of 4 images done, 1 of them failed, 0.25 images/s, 0:00:03 left; ")
