"""Where the time of a worker's threads goes: a thread is at one activity at any time, so all of them add up to it."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import TracebackType

from streams.telemetry.activity import ACTIVITIES, Activity, Thread

Clock = Callable[[], float]
Causes = Callable[[], Mapping[Activity, float]]
"""Seconds so far, by what somebody who waits would wait for; they add up to the time that passes."""
Seconds = Mapping[Activity, float]


class Timesheet:
    """Seconds of one thread. The thread writes; anybody reads, at any moment.

    A block costs a microsecond, and there are ten an image: hence the two steps of it in one function each.
    """

    def __init__(self, clock: Clock = time.monotonic, activities: Iterable[Activity] = ()) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._blocks: list[Activity] = []
        self._seconds: dict[Activity, float] = defaultdict(float, dict.fromkeys(activities, 0.0))
        self._since_s = 0.0
        self._causes: Causes | None = None
        self._read: Seconds = {}
        self._spending = {activity: _Spending(self, activity) for activity in Activity}

    def spending(self, activity: Activity) -> AbstractContextManager[None]:
        """Charge the block to an activity, but for blocks within it."""
        return self._spending[activity]

    def waiting(self, causes: Causes) -> AbstractContextManager[None]:
        """Charge the block to what somebody who waits waited for, at each moment; no block may be within it."""
        return _Waiting(self, causes)

    def begin(self, activity: Activity) -> None:
        """Begin a block."""
        now_s = self._clock()
        with self._lock:
            blocks = self._blocks
            if blocks:
                self._seconds[blocks[-1]] += now_s - self._since_s
            blocks.append(activity)
            self._since_s = now_s

    def end(self) -> None:
        """End the last block that was begun."""
        now_s = self._clock()
        with self._lock:
            self._seconds[self._blocks.pop()] += now_s - self._since_s
            self._since_s = now_s

    def begin_wait(self, causes: Causes) -> None:
        """Begin a wait."""
        self.begin(Activity.IDLE)
        with self._lock:
            self._read, self._causes = causes(), causes

    def end_wait(self) -> None:
        """End the wait."""
        with self._lock:
            self._charge()
            self._causes = None
            self._blocks.pop()

    def seconds(self) -> dict[Activity, float]:
        """Return what was spent, up to this moment."""
        with self._lock:
            self._charge()
            return dict(self._seconds)

    def _charge(self) -> None:
        now_s = self._clock()
        seconds, self._since_s = now_s - self._since_s, now_s
        if self._causes is not None:
            read = self._causes()
            for activity, value in read.items():
                caused = min(value - self._read[activity], seconds)  # read a moment later
                self._seconds[activity] += caused
                seconds -= caused
            self._read = read
        if self._blocks:
            self._seconds[self._blocks[-1]] += seconds


class _Spending(AbstractContextManager[None]):
    """Has no state of its own, so one serves all blocks of an activity."""

    __slots__ = ("_activity", "_sheet")

    def __init__(self, sheet: Timesheet, activity: Activity) -> None:
        self._sheet = sheet
        self._activity = activity

    def __enter__(self) -> None:
        self._sheet.begin(self._activity)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._sheet.end()


class _Waiting(AbstractContextManager[None]):
    __slots__ = ("_causes", "_sheet")

    def __init__(self, sheet: Timesheet, causes: Causes) -> None:
        self._sheet = sheet
        self._causes = causes

    def __enter__(self) -> None:
        self._sheet.begin_wait(self._causes)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._sheet.end_wait()


@dataclass(frozen=True)
class Post:
    """Where a thread works."""

    stage: str
    lane: str
    thread: Thread


class _Here(threading.local):
    def __init__(self) -> None:
        self.sheets: dict[tuple[str, str], Timesheet] = {}


class Timesheets:
    """The timesheets of a process: of threads that are at work, and what those came to that have ended."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: list[tuple[Post, Timesheet]] = []
        self._ended: dict[Post, dict[Activity, float]] = {}
        self._here = _Here()

    @contextmanager
    def kept(self, post: Post) -> Iterator[Timesheet]:
        """Keep a timesheet of the calling thread while the block runs."""
        sheet = self._opened(post)
        try:
            yield sheet
        finally:
            del self._here.sheets[post.stage, post.lane]
            with self._lock:
                self._open.remove((post, sheet))
                _add(self._ended.setdefault(post, {}), sheet.seconds())

    def mine(self, stage: str, lane: str) -> Timesheet:
        """Return the calling thread's; one that has none counts as one that answers."""
        return self._here.sheets.get((stage, lane)) or self._opened(Post(stage, lane, Thread.HANDLER))

    def seconds(self) -> dict[Post, dict[Activity, float]]:
        """Return what all threads have spent."""
        with self._lock:
            total = {post: dict(spent) for post, spent in self._ended.items()}
            for post, sheet in self._open:
                _add(total.setdefault(post, {}), sheet.seconds())
        return total

    def _opened(self, post: Post) -> Timesheet:
        sheet = Timesheet(self._clock, ACTIVITIES[post.thread])
        self._here.sheets[post.stage, post.lane] = sheet
        with self._lock:
            self._open.append((post, sheet))
        return sheet


def _add(total: dict[Activity, float], spent: Seconds) -> None:
    for activity, seconds in spent.items():
        total[activity] = total.get(activity, 0) + seconds
