"""Where the time of a worker's threads goes: a thread is at one activity at any time, so all of them add up to it."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple

from streams.telemetry.activity import Activity

Clock = Callable[[], float]
Causes = Callable[[], Mapping[Activity, float]]
"""Seconds so far, by what somebody who waits would wait for; they add up to the time that passes."""


class Spent(NamedTuple):
    """Seconds by activity: by the clock, and on a core."""

    by_clock: Mapping[Activity, float]
    on_core: Mapping[Activity, float]

    def and_(self, other: "Spent") -> "Spent":
        """Return the sum of both."""
        return Spent(_sum(self.by_clock, other.by_clock), _sum(self.on_core, other.on_core))


NOTHING = Spent({}, {})


def _sum(one: Mapping[Activity, float], other: Mapping[Activity, float]) -> dict[Activity, float]:
    return {activity: one.get(activity, 0) + other.get(activity, 0) for activity in [*one, *(other.keys() - one)]}


@dataclass
class _Block:
    """A block of code at one activity; a wait whose cause changes meanwhile has ``causes``."""

    activity: Activity
    causes: Causes | None
    read: Mapping[Activity, float]


class Timesheet:
    """Seconds of one thread, by the clock and on a core. The thread writes; anybody reads, at any moment."""

    def __init__(self, clock: Clock = time.monotonic, core_clock: Clock = time.thread_time) -> None:
        self._clock = clock
        self._core_clock = core_clock
        self._lock = threading.Lock()
        self._blocks: list[_Block] = []
        self._seconds: dict[Activity, float] = defaultdict(float)
        self._core_seconds: dict[Activity, float] = defaultdict(float)
        self._since_s = 0.0
        self._core_since_s = 0.0

    def spending(self, activity: Activity, causes: Causes | None = None) -> AbstractContextManager[None]:
        """Charge the block to an activity, but for blocks within it; a wait to what ``causes`` tells of it."""
        return _Spending(self, activity, causes)

    def begin(self, activity: Activity, causes: Causes | None) -> None:
        """Begin a block."""
        core_s, read = self._core_clock(), causes() if causes else {}
        with self._lock:
            self._charge(core_s)
            self._blocks.append(_Block(activity, causes, read))

    def end(self) -> None:
        """End the last block that was begun."""
        core_s = self._core_clock()
        with self._lock:
            self._charge(core_s)
            self._blocks.pop()

    def seconds(self) -> Spent:
        """Return what was spent, up to this moment, by the clock and on a core (there: up to the last change)."""
        with self._lock:
            self._charge_clock()
            return Spent({**self._seconds}, {**self._core_seconds})

    def _charge(self, core_s: float) -> None:
        self._charge_clock()
        if self._blocks:
            self._core_seconds[self._blocks[-1].activity] += core_s - self._core_since_s
        self._core_since_s = core_s

    def _charge_clock(self) -> None:
        now_s = self._clock()
        if self._blocks:
            self._book(self._blocks[-1], now_s - self._since_s)
        self._since_s = now_s

    def _book(self, block: _Block, seconds: float) -> None:
        if block.causes is not None:
            read = block.causes()
            for activity, value in read.items():
                caused = min(value - block.read[activity], seconds)  # read a moment later
                self._seconds[activity] += caused
                seconds -= caused
            block.read = read
        self._seconds[block.activity] += seconds


class _Spending(AbstractContextManager[None]):
    """Cheaper than a generator, and there are ten a batch."""

    __slots__ = ("_activity", "_causes", "_sheet")

    def __init__(self, sheet: Timesheet, activity: Activity, causes: Causes | None) -> None:
        self._sheet = sheet
        self._activity = activity
        self._causes = causes

    def __enter__(self) -> None:
        self._sheet.begin(self._activity, self._causes)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._sheet.end()


@dataclass(frozen=True)
class Post:
    """Where a thread works."""

    stage: str
    lane: str
    thread: str


class _Here(threading.local):
    def __init__(self) -> None:
        self.sheets: dict[tuple[str, str], Timesheet] = {}


class Timesheets:
    """The timesheets of a process: of threads that are at work, and what those came to that have ended."""

    def __init__(self, clock: Clock, core_clock: Clock) -> None:
        self._clock = clock
        self._core_clock = core_clock
        self._lock = threading.Lock()
        self._open: list[tuple[Post, Timesheet]] = []
        self._ended: dict[Post, Spent] = {}
        self._here = _Here()

    @contextmanager
    def kept(self, post: Post) -> Iterator[None]:
        """Keep a timesheet of the calling thread while the block runs."""
        self._opened(post)
        try:
            yield
        finally:
            sheet = self._here.sheets.pop((post.stage, post.lane))
            with self._lock:
                self._open.remove((post, sheet))
                self._ended[post] = self._ended.get(post, NOTHING).and_(sheet.seconds())

    def mine(self, stage: str, lane: str) -> Timesheet:
        """Return the calling thread's; one that has none counts as one that answers."""
        return self._here.sheets.get((stage, lane)) or self._opened(Post(stage, lane, "handler"))

    def seconds(self) -> dict[Post, Spent]:
        """Return what all threads have spent, by the clock and on a core."""
        with self._lock:
            total = {**self._ended}
            for post, sheet in self._open:
                total[post] = total.get(post, NOTHING).and_(sheet.seconds())
        return total

    def _opened(self, post: Post) -> Timesheet:
        sheet = Timesheet(self._clock, self._core_clock)
        self._here.sheets[post.stage, post.lane] = sheet
        with self._lock:
            self._open.append((post, sheet))
        return sheet
