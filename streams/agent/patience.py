"""Waiting for a service that does not answer: with jittered back-off, and a line now and then that says for what."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from streams.errors import TransientError

T = TypeVar("T")

REPORT_EVERY_S = 30.0

log = structlog.get_logger()


class Stopped(Exception):
    """Somebody ended the wait; what was waited for did not happen."""


@dataclass(frozen=True)
class Patience:
    """Repeats calls that meet transient errors, for ``limit_s`` or as long as nobody stops it.

    Raises
    ------
    TransientError
        The last one, when patience has ended.
    Stopped
        If ``stopping`` says so first.
    """

    clock: Callable[[], float]
    sleep: Callable[[float], object]
    stopping: Callable[[], bool]
    limit_s: float = math.inf

    def __call__(self, call: Callable[[], T]) -> T:
        """Call until it succeeds."""
        wait = _Wait(self, self.clock())
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            wait=wait_random_exponential(multiplier=0.2, max=30),
            stop=wait.has_ended,
            sleep=wait.pause,
            before_sleep=wait.report,
            reraise=True,
        )
        result = retrying(call)
        wait.report_end()
        return result


class _Wait:
    """One wait: since when, and when it was last told of."""

    def __init__(self, patience: Patience, since: float) -> None:
        self._patience = patience
        self._since = since
        self._told_at: float | None = None

    @property
    def _lasts_s(self) -> float:
        return self._patience.clock() - self._since

    def has_ended(self, _: RetryCallState) -> bool:
        if self._patience.stopping():
            raise Stopped
        return self._lasts_s >= self._patience.limit_s

    def pause(self, seconds: float) -> None:
        self._patience.sleep(seconds)

    def report(self, state: RetryCallState) -> None:
        now = self._patience.clock()
        if self._told_at is None or now - self._told_at >= REPORT_EVERY_S:
            self._told_at = now
            reason = str(state.outcome.exception()) if state.outcome else ""
            log.warning("agent_waits", reason=reason, attempt=state.attempt_number, waited_s=round(self._lasts_s, 1))

    def report_end(self) -> None:
        if self._told_at is not None:
            log.info("agent_goes_on", waited_s=round(self._lasts_s, 1))
