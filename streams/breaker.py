"""A circuit breaker: what fails is left alone for a while, then tried by one caller only."""

import threading
from collections.abc import Callable

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


class Breaker:
    """Closed, all may call. Open after a failure, nobody may, until the pause is over; then one caller tries.

    Every further failure doubles the pause. ``jitter`` gives a number in ``[0, 1)``: a pause is between half of its
    length and all of it, so that many processes do not come back at one moment.
    """

    def __init__(
        self,
        now_s: Callable[[], float],
        jitter: Callable[[], float],
        *,
        first_pause_s: float = FIRST_PAUSE_S,
        longest_pause_s: float = LONGEST_PAUSE_S,
    ) -> None:
        self._now_s = now_s
        self._jitter = jitter
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._lock = threading.Lock()
        self._pause_s = 0.0
        self._wait_until_s = 0.0

    def allows(self) -> bool:
        """Whether the caller may try now; while open that is one caller a pause."""
        with self._lock:
            if self._pause_s == 0:
                return True
            if self._now_s() < self._wait_until_s:
                return False
            self._wait_until_s = self._now_s() + self._pause_s  # the others wait for what this caller finds
            return True

    def failed(self) -> bool:
        """Note a failure; return whether it is the first."""
        with self._lock:
            first = self._pause_s == 0
            self._pause_s = min(self._longest_pause_s, 2 * self._pause_s or self._first_pause_s)
            self._wait_until_s = self._now_s() + self._pause_s * (1 + self._jitter()) / 2
            return first

    def succeeded(self) -> bool:
        """Note a success; return whether it ends a time of failures."""
        with self._lock:
            ended = self._pause_s > 0
            self._pause_s = 0.0
            return ended
