"""How a crew stands with its group and its services: whether it should be counted on."""

import threading
import time
from collections.abc import Callable

POLLED_WITHIN_S = 90.0
"""A poll may wait for work in hand when partitions are given up: a minute, unless something is wrong."""
NEWCOMER_S = 30.0
"""A member that polls for so long and is given no partition waits for one: others have them all."""


class Standing:
    """Written by the threads of a crew, read by whoever asks whether it is ready.

    Parameters
    ----------
    name
        Of the crew, for the reasons.
    clock
        Monotonic seconds.
    """

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._asked_s: float | None = None
        self._assigned = False
        self._polled_s = clock()
        self._lock = threading.Lock()
        self._troubles: dict[int, str] = {}

    def subscribed(self) -> None:
        """Note that the group was asked for partitions."""
        self._asked_s = self._clock()

    def assigned(self) -> None:
        """Note that the group has given partitions, or none."""
        self._assigned = True

    def lost(self) -> None:
        """Note that the membership has ended; the group is asked again."""
        self._assigned = False
        self._asked_s = self._clock()

    def polled(self) -> None:
        """Note that the polling thread came round."""
        self._polled_s = self._clock()

    def troubled(self, reason: str) -> None:
        """Note that something did not answer the calling thread, which will ask again."""
        with self._lock:
            self._troubles[threading.get_ident()] = reason

    def well(self) -> None:
        """Note that the calling thread got its answer."""
        if self._troubles:
            with self._lock:
                self._troubles.pop(threading.get_ident(), None)

    def why_not_ready(self) -> str | None:
        """Return one line that says what is missing; None where nothing is."""
        now_s = self._clock()
        with self._lock:
            trouble = next(iter(self._troubles.values()), None)
        if trouble is not None:
            return f"{self._name}: {trouble}"
        if self._asked_s is None:
            return f"{self._name}: it has not joined its group yet"
        if now_s - self._polled_s > POLLED_WITHIN_S:
            return f"{self._name}: it has not polled for {now_s - self._polled_s:.0f} s"
        if not self._assigned and now_s - self._asked_s < NEWCOMER_S:
            return f"{self._name}: its group has given it no partitions yet"
        return None
