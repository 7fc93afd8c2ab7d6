"""Places to compute, shared by the lanes of a process: live goes first, and replay is never starved."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from streams.pipeline import LIVE

OTHERS_SHARE = 0.11
"""Of the time of the slots, what lanes other than live get at least, while they wait for it: a tenth is promised."""
LATELY_S = 2.0
"""A live lane that had work within this time may have some again at any moment."""
MEMORY_S = 60.0
"""Shares are taken over about so long."""
NOTHING = nullcontext()


class Slots:
    """So many places to compute at one time, one a core or one a GPU.

    A free slot goes to the live lane where it waits, unless the other lanes had less than a tenth of the time of late.
    A stage call is never interrupted, so what was given away comes back at the end of one: where there is more than
    one slot and the live lane had work lately, the other lanes begin a call only where a slot stays free beside it
    (or where they had less than their tenth), and never hold the last one.

    Parameters
    ----------
    count
        Stage calls at one time.
    live
        The lane that goes first.
    clock
        Monotonic seconds.
    """

    def __init__(self, count: int, *, live: str = LIVE, clock: Callable[[], float] = time.monotonic) -> None:
        self._count = self._free = count
        self._live = live
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: Counter[str] = Counter()
        self._used_s: dict[bool, float] = {True: 0.0, False: 0.0}
        """Seconds of late in calls that have ended, by whether the lane is live; of those under way, see `_seconds`."""
        self._held: dict[bool, int] = {True: 0, False: 0}
        self._began_s: dict[bool, float] = {True: 0.0, False: 0.0}
        """Sum of the times at which the calls under way began."""
        self._live_at: float | None = None
        self._aged_at = clock()
        self._thread = threading.local()

    @property
    def free(self) -> int:
        """Slots that nobody holds."""
        with self._changed:
            return self._free

    @property
    def waited_s(self) -> float:
        """Seconds that the calling thread has waited for slots, ever."""
        return getattr(self._thread, "waited_s", 0.0)

    @contextmanager
    def taken(self, lane: str, *, waiting: AbstractContextManager[object] = NOTHING) -> Iterator[None]:
        """Hold a slot while the block runs; ``waiting`` surrounds the wait for it, if there is one."""
        asked = self._clock()
        with self._changed:
            self._waiting[lane] += 1
            self._note(lane)
            if not self._is_open_to(lane):
                with waiting:
                    while not self._is_open_to(lane):
                        self._changed.wait(LATELY_S)  # nobody tells when live was here for the last time
            self._waiting[lane] -= 1
            start = self._clock()
            self._hold(lane, start, 1)
        self._thread.waited_s = self.waited_s + start - asked
        try:
            yield
        finally:
            with self._changed:
                self._hold(lane, start, -1)
                self._note(lane)
                self._age()
                self._used_s[lane == self._live] += self._clock() - start

    def _hold(self, lane: str, start: float, slots: int) -> None:
        self._free -= slots
        self._held[lane == self._live] += slots
        self._began_s[lane == self._live] += slots * start
        self._changed.notify_all()

    def _note(self, lane: str) -> None:
        if lane == self._live:
            self._live_at = self._clock()

    def _is_open_to(self, lane: str) -> bool:
        return self._free > 0 and self._may_go(lane)

    def _may_go(self, lane: str) -> bool:
        if lane != self._live:
            return self._others_may_go()
        return not (self._others_wait() and self._is_others_turn()) or self._others_stand_back()

    def _others_may_go(self) -> bool:
        if self._others_stand_back():
            return False
        if self._is_others_turn():
            return True
        leaves_one = self._free > 1 or self._count == 1 or not self._live_lately()
        return leaves_one and not self._waiting[self._live]

    def _others_stand_back(self) -> bool:
        return self._held[False] >= max(1, self._count - 1) and self._live_lately()

    def _others_wait(self) -> bool:
        return any(count for name, count in self._waiting.items() if name != self._live)

    def _is_others_turn(self) -> bool:
        others = self._seconds(live=False)
        return others < OTHERS_SHARE * (others + self._seconds(live=True))

    def _seconds(self, *, live: bool) -> float:
        """Seconds of late, those of calls under way included: else a long one would look like none until it ends."""
        return self._used_s[live] + self._held[live] * self._clock() - self._began_s[live]

    def _live_lately(self) -> bool:
        return self._held[True] > 0 or (self._live_at is not None and self._clock() - self._live_at < LATELY_S)

    def _age(self) -> None:
        now = self._clock()
        kept = 0.5 ** ((now - self._aged_at) / MEMORY_S)
        self._used_s = {live: seconds * kept for live, seconds in self._used_s.items()}
        self._aged_at = now
