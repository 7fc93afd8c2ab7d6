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
    one slot, the other lanes leave the last one free while the live lane had work lately.

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
        self._free = count
        self._others_most = max(1, count - 1)
        self._live = live
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: Counter[str] = Counter()
        self._used_s: dict[bool, float] = {True: 0.0, False: 0.0}
        """Seconds of late, by whether the lane is live."""
        self._others_held = 0
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
            self._free -= 1
            self._others_held += lane != self._live
            self._changed.notify_all()
        start = self._clock()
        self._thread.waited_s = self.waited_s + start - asked
        try:
            yield
        finally:
            self._give_back(lane, self._clock() - start)

    def _give_back(self, lane: str, seconds: float) -> None:
        with self._changed:
            self._free += 1
            self._others_held -= lane != self._live
            self._note(lane)
            self._age()
            self._used_s[lane == self._live] += seconds
            self._changed.notify_all()

    def _note(self, lane: str) -> None:
        if lane == self._live:
            self._live_at = self._clock()

    def _is_open_to(self, lane: str) -> bool:
        return self._free > 0 and self._may_go(lane)

    def _may_go(self, lane: str) -> bool:
        others_stand_back = self._others_held >= self._others_most and self._live_lately()
        if lane != self._live and others_stand_back:
            return False
        others_wait = any(count for name, count in self._waiting.items() if name != self._live)
        if others_stand_back or not (self._waiting[self._live] and others_wait):
            return True
        total = sum(self._used_s.values())
        others_turn = self._used_s[False] < OTHERS_SHARE * total
        return others_turn != (lane == self._live)

    def _live_lately(self) -> bool:
        return self._live_at is not None and self._clock() - self._live_at < LATELY_S

    def _age(self) -> None:
        now = self._clock()
        kept = 0.5 ** ((now - self._aged_at) / MEMORY_S)
        self._used_s = {live: seconds * kept for live, seconds in self._used_s.items()}
        self._aged_at = now
