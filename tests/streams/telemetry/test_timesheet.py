"""The time of a thread is charged to one activity at any moment: what it comes to is all the time that has passed."""

import itertools
import threading
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.telemetry import Activity, Telemetry, Thread
from streams.telemetry.catalogue import WORKER_SECONDS
from streams.telemetry.timesheet import Timesheet


class Clock:
    """Moves on when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def sheet_by(clock: Clock) -> Timesheet:
    return Timesheet(clock)


def test_a_block_within_a_block_is_charged_to_itself_alone() -> None:
    clock = Clock()
    sheet = sheet_by(clock)
    with sheet.spending(Activity.EVENTS):
        clock.now_s = 1
        with sheet.spending(Activity.FETCH):
            clock.now_s = 4
        clock.now_s = 4.5
    clock.now_s = 100
    assert sheet.seconds() == {Activity.EVENTS: 1.5, Activity.FETCH: 3}


def test_who_looks_while_a_block_runs_sees_it_so_far() -> None:
    clock = Clock()
    sheet = sheet_by(clock)
    with sheet.spending(Activity.COMPUTE):
        clock.now_s = 1200
        assert sheet.seconds() == {Activity.COMPUTE: 1200}
        clock.now_s = 1300
    assert sheet.seconds() == {Activity.COMPUTE: 1300}


def test_a_wait_is_charged_to_what_it_was_for_at_each_moment() -> None:
    clock = Clock()
    sheet = sheet_by(clock)
    waited = {Activity.COMMIT_WAIT: 7.0, Activity.IDLE: 3.0}

    def causes() -> Mapping[Activity, float]:
        return dict(waited)

    with sheet.waiting(causes):
        clock.now_s, waited[Activity.COMMIT_WAIT] = 2, 9.0
        assert sheet.seconds() == {Activity.COMMIT_WAIT: 2, Activity.IDLE: 0}
        clock.now_s, waited[Activity.IDLE] = 5, 6.0
    assert sheet.seconds() == {Activity.COMMIT_WAIT: 2, Activity.IDLE: 3}


@given(st.lists(st.tuples(st.sampled_from(list(Activity)), st.floats(0, 1e4), st.booleans()), max_size=40))
def test_all_activities_add_up_to_the_time_that_passed(steps: list[tuple[Activity, float, bool]]) -> None:
    clock = Clock()
    sheet = sheet_by(clock)
    depth = 1
    sheet.begin(Activity.EVENTS)
    for activity, seconds, ends in steps:
        clock.now_s += seconds
        if ends and depth > 1:
            sheet.end()
            depth -= 1
        else:
            sheet.begin(activity)
            depth += 1
    assert sum(sheet.seconds().values()) == pytest.approx(clock.now_s)


def test_time_is_charged_to_its_activity_even_where_the_block_fails() -> None:
    telemetry = Telemetry(clock=itertools.count().__next__)
    with pytest.raises(KeyError), telemetry.spending("filter", "live", Activity.COMPUTE):
        raise KeyError
    assert telemetry.total(WORKER_SECONDS, stage="filter", activity="compute") > 0
    assert telemetry.total(WORKER_SECONDS, stage="filter", activity="store") == 0


def test_what_threads_spent_that_have_ended_is_kept() -> None:
    clock = Clock()
    telemetry = Telemetry(clock=clock)

    def work() -> None:
        with telemetry.at_work("filter", "live", Thread.HANDLER, Activity.EVENTS):
            clock.now_s += 2

    for _ in range(3):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert telemetry.total(WORKER_SECONDS, stage="filter", thread="handler", activity="events") == 6


def test_every_series_of_a_thread_begins_at_zero() -> None:
    telemetry = Telemetry()
    with telemetry.at_work("filter", "live", Thread.COMMITTER, Activity.EVENTS):
        labels = {"stage": "filter", "lane": "live", "thread": "committer", "activity": "commit"}
        assert telemetry.registry.get_sample_value("semstream_worker_seconds_total", labels) == 0
