"""Where the time of a stage's worker goes, for tables."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from streams.telemetry import Activity, Telemetry, Thread
from streams.telemetry.catalogue import WORKER_SECONDS

COMMITTING = (Activity.COMMIT, Activity.REMEMBER)
LEAST_MS = 0.05


def worker_seconds(telemetry: Telemetry, stage: str) -> dict[str, float]:
    """Return seconds by activity: of the threads that answer, and of the one that commits what it does then."""
    answering = {a.value: _seconds(telemetry, stage, Thread.HANDLER, a) for a in Activity}
    committing = {a.value: _seconds(telemetry, stage, Thread.COMMITTER, a) for a in COMMITTING}
    return {**answering, **committing}


class OnCore(Telemetry):
    """Telemetry that also keeps the time on a core of each stage's calls."""

    def __init__(self) -> None:
        super().__init__()
        self.computing_s: dict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    @contextmanager
    def spending(self, stage: str, lane: str, activity: Activity) -> Iterator[None]:
        """Charge the time of the block to an activity."""
        start_s = time.thread_time()
        with super().spending(stage, lane, activity):
            yield
        if activity is Activity.COMPUTE:
            with self._lock:
                self.computing_s[stage] += time.thread_time() - start_s


def columns(spent: dict[str, dict[str, float]]) -> list[str]:
    """Return the activities that took a twentieth of a millisecond or more in any stage."""
    return [a.value for a in Activity if any(ms[a.value] >= LEAST_MS for ms in spent.values())]


def _seconds(telemetry: Telemetry, stage: str, thread: Thread, activity: Activity) -> float:
    return telemetry.total(WORKER_SECONDS, stage=stage, thread=thread, activity=activity)
