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


def lines_of(clock: list[float], states: dict[float, Progress], *, expected: int | None = None) -> list[str]:
    """Return what is written when a run stands so at these seconds."""
    console = Console(file=io.StringIO(), width=200)
    with showing(console, Telemetry(), ("filter", "denoise"), expected=expected) as show:
        for clock[0], progress in states.items():
            show(progress)
    return str(console.file.getvalue()).splitlines()  # type: ignore[attr-defined]


def test_a_line_says_how_far_how_fast_and_what_waits(clock: list[float]) -> None:
    states = {8.0: Progress(published=4, selected=2), 18.0: Progress(published=10, selected=4)}
    assert lines_of(clock, states, expected=10) == [
        "2 of 10 images done, 0.25 images/s; waiting: filter 4, denoise 0",
        "4 of 10 images done, 0.22 images/s, 0:00:30 left; waiting: filter 10, denoise 0",
    ]


def test_what_was_known_before_does_not_shorten_the_time_left(clock: list[float]) -> None:
    states = {6.0: Progress(published=1000, selected=500), 66.0: Progress(published=1000, selected=506)}
    assert "1:22:20 left" in lines_of(clock, states, expected=1000)[1]


def test_the_time_left_follows_the_pace_of_the_last_minute(clock: list[float]) -> None:
    states = {5.0: Progress(published=200, selected=1), 105.0: Progress(published=200, selected=101)}
    states |= {165.0: Progress(published=200, selected=107)}
    assert "0:15:30 left" in lines_of(clock, states, expected=200)[2]


def test_what_failed_is_told_is_in_no_rate_and_counts_once(clock: list[float]) -> None:
    unread, rejected, unwritten = ("broken.tif", "no image"), ("flat.tif", "no noise"), ("a.tif", "a name too long")
    progress = Progress(
        published=4, selected=2, failures=[unread, rejected, unwritten], rejected=1, unwritten=1, all_published=True
    )
    (line,) = lines_of(clock, {8.0: progress})
    assert line.startswith("5 of 5 images done, 3 of them failed, 0.25 images/s; ")
