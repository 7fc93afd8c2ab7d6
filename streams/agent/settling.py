"""Files that wait until they have rested: the longest rest first."""

import heapq
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from streams.agent.scan import Sighting


@dataclass(frozen=True)
class Waiting:
    """A file, since when its size and modification time are as they are, and how often it could not be read."""

    file: Sighting
    since: float
    due: float
    tries: int = 0
    serial: int = 0


class Settling:
    """Hands a file out when its stamp is ``settle_s`` old. Whoever reads it compares the stamp again: that is the rest.

    One that cannot be read is handed out again, at doubling intervals, until it has been as it is for ``give_up_s``.
    """

    def __init__(self, *, settle_s: float, give_up_s: float) -> None:
        self._settle_s = settle_s
        self._give_up_s = give_up_s
        self._waiting: dict[str, Waiting] = {}
        self._queue: list[tuple[float, int, str]] = []
        self._serial = itertools.count()

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, name: str) -> bool:
        return name in self._waiting

    def watch(self, file: Sighting, now: float, *, held_s: float = 0) -> None:
        """Let a file rest from now on, or from when it was ``held_s``, unless it rests already and did not change."""
        known = self._waiting.get(file.name)
        if known is None or not known.file.is_as(file):
            self._put(Waiting(file, now + held_s, now + held_s + self._settle_s))

    def due(self, now: float, limit: int) -> list[Sighting]:
        """Return files that have rested; each stays in wait until it is `done`, `watch`ed anew or `postpone`d."""
        return [waiting.file for waiting in self._due(now, limit)]

    def postpone(self, name: str, now: float) -> bool:
        """Let a file that cannot be read wait longer; False when it has had all its time."""
        known = self._waiting[name]
        end = known.since + self._give_up_s
        if now >= end:
            return False
        due = min(now + self._settle_s * 2**known.tries, end)
        self._put(replace(known, due=due, tries=known.tries + 1))
        return True

    def done(self, name: str) -> Sighting | None:
        """Let a file wait no longer; return it where it was waiting."""
        waiting = self._waiting.pop(name, None)
        return waiting.file if waiting else None

    def next_due(self) -> float:
        """Return when the next file is due; infinity while nothing waits."""
        while self._queue and not self._is_current(*self._queue[0][1:]):
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else math.inf

    def _due(self, now: float, limit: int) -> Iterator[Waiting]:
        for _ in range(limit):
            if self.next_due() > now:
                return
            yield self._waiting[heapq.heappop(self._queue)[-1]]

    def _put(self, waiting: Waiting) -> None:
        serial, name = next(self._serial), waiting.file.name
        self._waiting[name] = replace(waiting, serial=serial)
        heapq.heappush(self._queue, (waiting.due, serial, name))

    def _is_current(self, serial: int, name: str) -> bool:
        waiting = self._waiting.get(name)
        return waiting is not None and waiting.serial == serial
