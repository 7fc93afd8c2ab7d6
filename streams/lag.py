"""How far a crew is behind, in messages and in seconds."""

import time
from collections.abc import Callable

from streams.telemetry import Telemetry
from streams.telemetry.catalogue import IN_FLIGHT, LAG_MESSAGES, LAG_SECONDS


class Lag:
    """Measures the lag of a stage in a lane.

    Parameters
    ----------
    telemetry, stage, lane
        Where it is written down.
    now_s
        Seconds since 1970, as the times of messages are.
    """

    def __init__(self, telemetry: Telemetry, stage: str, lane: str, *, now_s: Callable[[], float] = time.time) -> None:
        self._telemetry = telemetry
        self._labels = (stage, lane)
        self._now_s = now_s
        self._unseen_since_s: float | None = None

    def measure(self, messages: int, *, in_hand: int, oldest_ms: int | None) -> None:
        """Write down how many messages are not committed, how many are in hand, and when the oldest was published.

        Of messages that nobody has taken in yet the age is not known: they count from when they were first noticed.
        """
        now_s = self._now_s()
        if oldest_ms is not None or messages == 0:
            self._unseen_since_s = None
        elif self._unseen_since_s is None:
            self._unseen_since_s = now_s
        since_s = self._unseen_since_s if oldest_ms is None else oldest_ms / 1000
        self._telemetry.set(IN_FLIGHT, in_hand, *self._labels)
        self._telemetry.set(LAG_MESSAGES, messages, *self._labels)
        self._telemetry.set(LAG_SECONDS, 0 if since_s is None else max(0.0, now_s - since_s), *self._labels)
