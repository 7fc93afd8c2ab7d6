"""Waiting for better times."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NoReturn, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    wait_random_exponential,
)

from streams.errors import TransientError

T = TypeVar("T")


class Stopped(Exception):
    """Whoever waited for better times was told to stop; nothing of the call has happened."""


class Patience:
    """Repeats calls that meet transient errors, with jittered back-off.

    Parameters
    ----------
    lasts_s
        So long; then the last error is raised.
    stopping
        Ends every wait with `Stopped`.
    note
        Is told of every repetition: its number, and why.
    clock
        Counts the seconds that it lasts.
    waiting
        Surrounds every wait.
    """

    def __init__(
        self,
        lasts_s: float,
        stopping: threading.Event,
        note: Callable[[int, str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._lasts_s = lasts_s
        self._stopping = stopping
        self._note = note
        self._clock = clock
        self._waiting = waiting

    def __call__(self, call: Callable[[], T]) -> T:
        """Call again, as long as the error is transient, patience lasts and nobody stops us."""
        end = self._clock() + self._lasts_s
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            wait=wait_random_exponential(multiplier=0.2, max=10),
            stop=lambda _: self._stopping.is_set() or self._clock() >= end,
            sleep=self._sleep,
            before_sleep=lambda state: self._note(state.attempt_number, str(_error_of(state) or "")),
            retry_error_callback=self._give_up,
        )
        return retrying(call)

    def _sleep(self, seconds: float) -> None:
        with self._waiting():
            self._stopping.wait(seconds)

    def _give_up(self, state: RetryCallState) -> NoReturn:
        error = _error_of(state)
        raise Stopped if error is None or self._stopping.is_set() else error


def _error_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
