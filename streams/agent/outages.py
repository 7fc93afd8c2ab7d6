"""Outlasting the outages of services; a line now and then says for what the agent waits."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from streams.patience import Patience

T = TypeVar("T")

REPORT_EVERY_S = 30.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Outlast:
    """Repeats calls that meet transient errors, for ``lasts_s`` or as long as nobody stops it.

    ``away`` hears why at every failure, and None when the call has succeeded after all.

    Raises
    ------
    TransientError
        The last one, when patience has ended.
    Stopped
        If somebody stops it first.
    """

    lasts_s: float
    stop: threading.Event
    clock: Callable[[], float]
    away: Callable[[str | None], None] = lambda reason: None

    def __call__(self, call: Callable[[], T]) -> T:
        """Call until it succeeds."""
        report = _Report(self.clock, self.away)
        result = Patience(self.lasts_s, self.stop, report.note, clock=self.clock)(call)
        report.end()
        return result


class _Report:
    """What is told of one wait."""

    def __init__(self, clock: Callable[[], float], away: Callable[[str | None], None]) -> None:
        self._clock = clock
        self._away = away
        self._since = clock()
        self._told_at: float | None = None

    def note(self, attempt: int, reason: str) -> None:
        self._away(reason)
        now = self._clock()
        if self._told_at is None or now - self._told_at >= REPORT_EVERY_S:
            self._told_at = now
            log.warning("agent_waits", reason=reason, attempt=attempt, waited_s=round(now - self._since, 1))

    def end(self) -> None:
        if self._told_at is not None:
            self._away(None)
            log.info("agent_goes_on", waited_s=round(self._clock() - self._since, 1))
