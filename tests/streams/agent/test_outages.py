import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from streams.agent.outages import REPORT_EVERY_S, Outlast
from streams.errors import TransientError
from streams.patience import Stopped
from tests.agents import Clock, Stop


def failing(times: int, error: type[Exception] = TransientError) -> Callable[[], str]:
    left = iter(range(times))

    def call() -> str:
        for _ in left:
            raise error("no answer")
        return "done"

    return call


def outlast(clock: Clock, *, lasts_s: float = math.inf) -> Outlast:
    return Outlast(lasts_s, Stop(clock), clock)


def test_a_transient_error_is_met_again_and_again_and_told_once_a_period() -> None:
    clock = Clock()
    with capture_logs() as logs:
        assert outlast(clock)(failing(50)) == "done"
    waits = [log["waited_s"] for log in logs if log["event"] == "agent_waits"]
    assert waits[0] == 0
    assert all(later - earlier >= REPORT_EVERY_S for earlier, later in pairwise(waits))
    assert len(waits) > 3
    assert {log["reason"] for log in logs[:-1]} == {"no answer"}
    assert logs[-1]["event"] == "agent_goes_on"


def test_what_succeeds_at_once_says_nothing() -> None:
    with capture_logs() as logs:
        assert outlast(Clock())(failing(0)) == "done"
    assert logs == []


def test_patience_that_ends_raises_the_last_error() -> None:
    clock = Clock()
    with pytest.raises(TransientError, match="no answer"):
        outlast(clock, lasts_s=60)(failing(1000))
    assert clock() >= 1060


def test_whoever_is_told_to_stop_waits_no_longer() -> None:
    waits = outlast(Clock())
    call = failing(1000)

    def stopped() -> str:
        waits.stop.set()
        return call()

    with pytest.raises(Stopped):
        waits(stopped)


def test_any_other_error_is_nobody_s_to_wait_for() -> None:
    with pytest.raises(ZeroDivisionError):
        outlast(Clock())(failing(1, ZeroDivisionError))
