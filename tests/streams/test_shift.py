"""Crews of one process work until they are asked to stop, and one failure ends them all."""

import threading
import time
from collections.abc import Iterator

import pytest

from streams.shift import Shift


class Crew:
    """Works until it is stopped; may fail, or be slow to finish."""

    def __init__(self, *, failure: Exception | None = None, finishing_s: float = 0.0) -> None:
        self.stopped = threading.Event()
        self.started = threading.Event()
        self.finished = False
        self._error = failure
        self.failure: Exception | None = None
        self._finishing_s = finishing_s

    def run(self) -> None:
        self.started.set()
        if self._error:
            raise self._error
        self.stopped.wait(20)
        time.sleep(self._finishing_s)
        self.finished = True

    def stop(self) -> None:
        self.stopped.set()


@pytest.fixture
def timer() -> Iterator[list[threading.Timer]]:
    timers: list[threading.Timer] = []
    yield timers
    for each in timers:
        each.join()


def test_every_crew_finishes_when_it_is_asked_to_stop(timer: list[threading.Timer]) -> None:
    crews = [Crew(), Crew(finishing_s=0.1)]
    shift = Shift([(f"{n}", crew) for n, crew in enumerate(crews)], deadline_s=10)
    timer.append(threading.Timer(0.1, shift.stop))
    timer[0].start()
    assert shift.run()
    assert all(crew.started.is_set() and crew.finished for crew in crews)


def test_one_failure_stops_the_others_and_is_raised() -> None:
    well, ill = Crew(), Crew(failure=ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        Shift([("well", well), ("ill", ill)], deadline_s=10).run()
    assert well.finished


def test_who_is_too_slow_is_left_behind_and_it_is_said(timer: list[threading.Timer]) -> None:
    slow = Crew(finishing_s=1.0)
    shift = Shift([("slow", slow)], deadline_s=0.05)
    timer.append(threading.Timer(0.05, shift.stop))
    timer[0].start()
    assert not shift.run()
    assert not slow.finished


def test_a_crew_that_ends_by_itself_ends_the_shift() -> None:
    done = Crew()
    done.stop()
    other = Crew()
    assert Shift([("done", done), ("other", other)], deadline_s=10).run()
    assert other.finished


def test_a_failed_crew_that_cannot_end_stops_the_others_all_the_same() -> None:
    well, ill = Crew(), Crew(finishing_s=30)
    ill.failure = ZeroDivisionError("a bug")  # and `run` waits for a thread that hangs
    with pytest.raises(ZeroDivisionError, match="a bug"):
        Shift([("well", well), ("ill", ill)], deadline_s=0.05).run()
    assert well.stopped.is_set()
