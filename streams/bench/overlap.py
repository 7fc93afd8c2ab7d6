"""Whether cores and device compute at one time: classical filters in the slots of a process, a network in its own."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from math import inf
from pathlib import Path

from schemas.model import Record
from stages.simulation.series import simulated_images
from streams.bench.at_services import ServicesRun
from streams.bench.efficiency import SIZE_PX, tiff_of
from streams.bench.own_lane import read
from streams.errors import UsageError
from streams.pipeline import Pipeline
from streams.telemetry import Activity, Telemetry

OVERLAP = Path(str(files("streams.bench") / "overlap.toml"))


@dataclass(frozen=True, order=True)
class Interval:
    """A time, in seconds of one clock."""

    start_s: float
    end_s: float


class Computing(Telemetry):
    """Telemetry that also keeps when each stage computed: what `WORKER_SECONDS` adds up, one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.intervals: list[tuple[str, Interval]] = []

    @contextmanager
    def spending(self, stage: str, lane: str, activity: Activity) -> Iterator[None]:
        """Charge the seconds of the block."""
        start_s = time.perf_counter()
        with super().spending(stage, lane, activity):
            yield
        if activity is Activity.COMPUTE:
            self.intervals.append((stage, Interval(start_s, time.perf_counter())))

    def of(self, stage: str) -> list[Interval]:
        """Return when a stage computed."""
        return sorted(interval for name, interval in self.intervals if name == stage)


@dataclass(frozen=True)
class Shares:
    """Parts of a window's time."""

    window_s: float
    one: float
    other: float
    both: float


class Overlap(Record):
    """How busy cores and device were by the clock, from the first call of the second to the last of the first."""

    images: int
    """Through the filters."""
    device: str
    """``cuda``, or the ``cpu``: then one core plays the device, and the filters have the others."""
    cpu_slots: int
    window_s: float
    filter_busy: float
    """Seconds of the filters' calls over those of their slots."""
    denoise_busy: float
    """Seconds of the network's calls over those of its slot."""
    both_busy: float
    """Part of the time in which both computed."""


def measure_overlap(pipeline: Pipeline, run: ServicesRun, *, images: int, seed: int) -> Overlap:
    """Let a worker process answer images by both stages until the first has answered all.

    Of a seed that was used before the services know the outcomes, and nothing is computed.
    """
    device, slots = _device(), len(os.sched_getaffinity(0))
    if device == "cpu":
        slots = max(1, slots - 1)
    made = [tiff_of(image.noisy) for image in simulated_images(images=images, seed=seed, size_px=SIZE_PX)]
    first, last = pipeline.steps(run.lane.name)
    events = run.stored(made, first.consumes)
    filtered, denoised = run.open_reader(first.produces), run.open_reader(last.produces)
    computing = Computing()
    with run.worker(pipeline, slots, computing):
        run.lane.publisher.publish(events[:1])
        read(denoised, 1)
        computing.intervals.clear()
        run.lane.publisher.publish(events[1:])
        read(filtered, len(events))
    shares = shares_of(computing.of(first.stage.name), computing.of(last.stage.name), slots=slots)
    return Overlap(
        images=images,
        device=device,
        cpu_slots=slots,
        window_s=round(shares.window_s, 2),
        filter_busy=round(shares.one, 3),
        denoise_busy=round(shares.other, 3),
        both_busy=round(shares.both, 3),
    )


def shares_of(one: Sequence[Interval], other: Sequence[Interval], *, slots: int) -> Shares:
    """Return the shares while both had work; the first has so many ``slots``, the other has one.

    >>> shares_of([Interval(0, 4), Interval(5, 8)], [Interval(2, 6), Interval(7, 20)], slots=1)
    Shares(window_s=6, one=0.8333333333333334, other=0.8333333333333334, both=0.6666666666666666)

    Raises
    ------
    UsageError
        If there was no such time.
    """
    begin_s = max(min((i.start_s for i in intervals), default=inf) for intervals in (one, other))
    end_s = min(max((i.end_s for i in intervals), default=-inf) for intervals in (one, other))
    seconds = end_s - begin_s
    if seconds <= 0:
        raise UsageError("the two stages never had work at one time; give more images")
    ones, others = (_within(intervals, Interval(begin_s, end_s)) for intervals in (one, other))
    both = sum(_seconds(_within(united(others), span)) for span in united(ones))
    return Shares(seconds, _seconds(ones) / seconds / slots, _seconds(others) / seconds, both / seconds)


def united(intervals: Iterable[Interval]) -> list[Interval]:
    """Return what at least one of them covers.

    >>> united([Interval(0, 2), Interval(1, 3), Interval(4, 5)])
    [Interval(start_s=0, end_s=3), Interval(start_s=4, end_s=5)]
    """
    found: list[Interval] = []
    for interval in sorted(intervals):
        if found and interval.start_s <= found[-1].end_s:
            found[-1] = Interval(found[-1].start_s, max(found[-1].end_s, interval.end_s))
        else:
            found.append(interval)
    return found


def _within(intervals: Iterable[Interval], window: Interval) -> list[Interval]:
    cut = [Interval(max(i.start_s, window.start_s), min(i.end_s, window.end_s)) for i in intervals]
    return [interval for interval in cut if interval.start_s < interval.end_s]


def _seconds(intervals: Iterable[Interval]) -> float:
    return sum(interval.end_s - interval.start_s for interval in intervals)


def _device() -> str:
    import torch  # noqa: PLC0415 - takes a while, which other benchmarks need not wait

    return "cuda" if torch.cuda.is_available() else "cpu"
