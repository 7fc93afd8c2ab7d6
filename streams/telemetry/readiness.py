"""Whether a process should be sent work: it has joined its groups, nothing makes it wait, and its services answer."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from streams.doctor import Probe, examine

LOOK_EVERY_S = 30.0
"""Services are asked no more often, however often somebody wants to know."""
PATIENCE_S = 5.0
"""Whoever wants to know waits no longer."""


class Member(Protocol):
    """A crew, as far as its readiness goes."""

    def why_not_ready(self) -> str | None:
        """Return one line that says what is missing; None where nothing is."""


class Readiness:
    """Asks crews every time, and services now and then.

    Parameters
    ----------
    members
        The crews of the process.
    probes
        Checks of the services without which it cannot work.
    clock
        Monotonic seconds.
    patience_s
        So long a service is waited for.
    """

    def __init__(
        self,
        members: Sequence[Member],
        probes: Sequence[Probe] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._members = members
        self._probes = probes
        self._clock = clock
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="readiness")
        self._looked_at_s = 0.0
        self._looking: Future[str | None] | None = None

    def why_not(self) -> str | None:
        """Return one line that says why this process is not ready; None where it is."""
        reasons = (member.why_not_ready() for member in self._members)
        reason = next((reason for reason in reasons if reason), None) or self._services()
        return " ".join(reason.split()) if reason else None

    def _services(self) -> str | None:
        try:
            return self._look().result(self._patience_s)
        except TimeoutError:
            return f"its services have not answered within {self._patience_s:.0f} s"

    def _look(self) -> "Future[str | None]":
        """Return the last look, or a new one where that is old."""
        with self._lock:
            now_s = self._clock()
            is_old = now_s - self._looked_at_s >= LOOK_EVERY_S
            if self._looking is None or (self._looking.done() and is_old):
                self._looked_at_s = now_s
                self._looking = self._pool.submit(self._ailing)
            return self._looking

    def _ailing(self) -> str | None:
        return next((f"{found.what}: {found.said}" for found in examine(self._probes) if not found.well), None)
