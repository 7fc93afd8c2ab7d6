import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from streams.agent.patience import REPORT_EVERY_S, Patience, Stopped
from streams.errors import TransientError
from tests.agents import Clock


def failing(times: int, error: type[Exception] = TransientError) -> Callable[[], str]:
    left = iter(range(times))

    def call() -> str:
        for _ in left:
            raise error("no answer")
        return "done"

    return call


def patience(clock: Clock, *, limit_s: float = math.inf, stopping: Callable[[], bool] = lambda: False) -> Patience:
    return Patience(clock, clock.sleep, stopping, limit_s)


def test_a_transient_error_is_met_again_and_again_and_told_once_a_period() -> None:
    clock = Clock()
    with capture_logs() as logs:
        assert patience(clock)(failing(50)) == "done"
    waits = [log["waited_s"] for log in logs if log["event"] == "agent_waits"]
    assert waits[0] == 0
    assert all(later - earlier >= REPORT_EVERY_S for earlier, later in pairwise(waits))
    assert len(waits) > 3
    assert {log["reason"] for log in logs[:-1]} == {"no answer"}
    assert logs[-1]["event"] == "agent_goes_on"


def test_what_succeeds_at_once_says_nothing() -> None:
    with capture_logs() as logs:
        assert patience(Clock())(failing(0)) == "done"
    assert logs == []


def test_patience_that_ends_raises_the_last_error() -> None:
    clock = Clock()
    with pytest.raises(TransientError, match="no answer"):
        patience(clock, limit_s=60)(failing(1000))
    assert clock() >= 1060


def test_whoever_is_told_to_stop_waits_no_longer() -> None:
    clock = Clock()
    with pytest.raises(Stopped):
        patience(clock, stopping=lambda: clock() > 1100)(failing(1000))


def test_any_other_error_is_nobody_s_to_wait_for() -> None:
    with pytest.raises(ZeroDivisionError):
        patience(Clock())(failing(1, ZeroDivisionError))
