import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.flow import Flow
from streams.telemetry import Activity
from streams.transport import Message, Partition

P0, P1 = Partition("t", 0), Partition("t", 1)


def message(partition: Partition, offset: int, size: int = 1) -> Message:
    return Message(partition, offset, 0, None, b"x" * size, ())


def flow_of(*partitions: Partition, max_messages: int = 100, max_bytes: int = 1000) -> Flow[str]:
    flow: Flow[str] = Flow(max_messages=max_messages, max_bytes=max_bytes)
    flow.assign(partitions)
    return flow


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_a_finished_message_behind_an_unfinished_one_is_not_collected() -> None:
    flow = flow_of(P0)
    flow.admit([message(P0, 0), message(P0, 1), message(P0, 2)])
    first, second, third = flow.take(count=3, age_s=0)
    flow.finish([third], ["c"])
    flow.finish([first], ["a"])
    assert [ticket.message.offset for ticket in flow.collect(limit=10)] == [0]
    flow.finish([second], ["b"])
    assert [ticket.answer for ticket in flow.collect(limit=10)] == ["a", "b", "c"]


def test_a_slow_message_of_one_partition_does_not_hold_another_back() -> None:
    flow = flow_of(P0, P1)
    flow.admit([message(P0, 0), message(P1, 0)])
    _, of_p1 = flow.take(count=2, age_s=0)
    flow.finish([of_p1], ["b"])
    assert flow.collect(limit=10) == [of_p1]


def test_a_batch_is_given_out_when_it_is_full_or_old() -> None:
    flow = flow_of(P0)
    flow.admit([message(P0, n) for n in range(5)])
    assert len(flow.take(count=3, age_s=60)) == 3
    assert len(flow.take(count=3, age_s=0)) == 2


def test_messages_and_bytes_in_flight_are_bounded_until_they_are_released() -> None:
    flow = flow_of(P0, max_messages=2)
    flow.admit([message(P0, 0), message(P0, 1)])
    fill = [flow.full]
    flow.finish(flow.take(count=2, age_s=0), ["a", "b"])
    fill.append(flow.full)
    flow.release(flow.collect(limit=1))
    fill.append(flow.full)
    assert fill == [True, True, False]
    heavy = flow_of(P0, max_bytes=10)
    heavy.admit([message(P0, 0, size=10)])
    assert heavy.full


def test_revoking_drops_queued_work_and_waits_for_running_work(pool: ThreadPoolExecutor) -> None:
    flow = flow_of(P0)
    flow.admit([message(P0, 0), message(P0, 1)])
    running = flow.take(count=1, age_s=0)
    revoking = pool.submit(flow.revoke, [P0], deadline_s=30)
    flow.finish(running, ["a"])
    collected = flow.collect(limit=10)
    assert [ticket.message.offset for ticket in collected] == [0]
    assert not revoking.done()
    flow.release(collected)
    revoking.result(timeout=30)
    assert flow.in_flight == 0


def test_what_is_not_finished_at_the_deadline_is_dropped_and_a_late_answer_goes_nowhere() -> None:
    flow = flow_of(P0)
    flow.admit([message(P0, 0)])
    late = flow.take(count=1, age_s=0)
    flow.revoke([P0], deadline_s=0)
    flow.assign([P0])
    flow.admit([message(P0, 0)])
    flow.finish(late, ["old"])
    again = flow.take(count=1, age_s=0)
    flow.finish(again, ["new"])
    assert [ticket.answer for ticket in flow.collect(limit=10)] == ["new"]
    flow.release(late)
    assert flow.in_flight == 1


def test_lost_partitions_are_dropped_without_waiting_for_running_work() -> None:
    flow = flow_of(P0, P1)
    flow.admit([message(P0, 0), message(P0, 1), message(P1, 0)])
    (running,) = flow.take(count=1, age_s=0)
    flow.lose([P0])
    assert flow.in_flight == 1
    flow.finish([running], ["late"])
    assert flow.held([running]) == []
    (other,) = flow.take(count=2, age_s=0)
    flow.finish([other], ["b"])
    assert [ticket.answer for ticket in flow.collect(limit=10)] == ["b"]


def test_room_is_what_may_still_come() -> None:
    flow = flow_of(P0, max_messages=3)
    flow.admit([message(P0, 0)])
    assert flow.room == 2
    flow.admit([message(P0, n) for n in range(1, 6)])
    assert flow.room == 0


def test_messages_of_partitions_that_are_not_held_are_ignored() -> None:
    flow = flow_of(P0)
    flow.admit([message(P1, 0)])
    assert flow.in_flight == 0


def test_closing_wakes_everyone_who_waits(pool: ThreadPoolExecutor) -> None:
    flow = flow_of(P0, max_messages=1)
    waiting = [pool.submit(flow.take, count=1, age_s=0), pool.submit(flow.collect, limit=1)]
    flow.close()
    assert [wait.result(timeout=30) for wait in waiting] == [[], []]


def test_who_waits_for_more_and_finds_that_another_took_it_goes_on_waiting(pool: ThreadPoolExecutor) -> None:
    flow = flow_of(P0)
    waiting = [pool.submit(flow.take, count=2, age_s=0.1) for _ in range(2)]
    flow.admit([message(P0, 0)])
    wait(waiting, timeout=30, return_when=FIRST_COMPLETED)
    time.sleep(0.05)
    flow.admit([message(P0, 1)])
    assert [len(took.result(timeout=30)) for took in waiting] == [1, 1]


def test_who_waits_for_more_and_finds_everything_revoked_goes_on_waiting(pool: ThreadPoolExecutor) -> None:
    flow = flow_of(P0)
    flow.admit([message(P0, 0)])
    waiting = pool.submit(flow.take, count=2, age_s=0.2)
    time.sleep(0.05)
    flow.revoke([P0], deadline_s=0)
    time.sleep(0.2)
    flow.assign([P0])
    flow.admit([message(P0, 0), message(P0, 1)])
    assert len(waiting.result(timeout=30)) == 2


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(8)), st.integers(1, 8))
def test_whatever_the_order_of_finishing_commits_are_contiguous_and_complete(order: list[int], limit: int) -> None:
    flow = flow_of(P0)
    flow.admit([message(P0, offset) for offset in range(8)])
    tickets = flow.take(count=8, age_s=0)
    committed: list[int] = []
    for index in order:
        flow.finish([tickets[index]], ["x"])
        while len(committed) < 8 and tickets[len(committed)].answer is not None:
            prefix = flow.collect(limit=limit)
            flow.release(prefix)
            committed += [ticket.message.offset for ticket in prefix]
    assert committed == list(range(8))
    assert flow.in_flight == 0


def test_many_threads_lose_and_double_nothing(pool: ThreadPoolExecutor) -> None:
    flow = flow_of(P0, P1, max_messages=20)
    total = 400
    done = threading.Event()

    def handle() -> None:
        while tickets := flow.take(count=3, age_s=0.001):
            flow.finish(tickets, [f"{t.message.partition.number}-{t.message.offset}" for t in tickets])

    handlers = [threading.Thread(target=handle) for _ in range(3)]
    for handler in handlers:
        handler.start()

    def admit() -> None:
        for n in range(total):
            flow.wait_for_room(30)
            flow.admit([message((P0, P1)[n % 2], n // 2)])

    admitting = pool.submit(admit)
    committed: list[str] = []
    while len(committed) < total:
        prefix = flow.collect(limit=7)
        committed += [ticket.answer or "" for ticket in prefix]
        flow.release(prefix)
    done.set()
    flow.close()
    for handler in handlers:
        handler.join(30)
    admitting.result(timeout=30)
    assert sorted(committed) == sorted(f"{p}-{n}" for p in (0, 1) for n in range(total // 2))
    for number in (0, 1):
        offsets = [int(answer.split("-")[1]) for answer in committed if answer.startswith(f"{number}-")]
        assert offsets == sorted(offsets)


def test_a_partition_that_is_held_cannot_be_assigned_again() -> None:
    flow = flow_of(P0)
    with pytest.raises(RuntimeError, match="while held"):
        flow.assign([P1, P0])


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_what_a_handler_would_wait_for_is_told_for_every_moment() -> None:
    clock = Clock()
    flow: Flow[str] = Flow(max_messages=2, max_bytes=1000, clock=clock)
    flow.assign([P0])
    clock.now_s = 1
    flow.admit([message(P0, 0), message(P0, 1)])
    first, second = flow.take(count=2, age_s=0)
    clock.now_s = 3
    flow.finish([second], ["b"])
    clock.now_s = 6
    flow.finish([first], ["a"])
    clock.now_s = 10
    flow.release([first, second])
    clock.now_s = 15
    assert flow.waits_s() == {Activity.COMMIT_WAIT: 4, Activity.BACK_PRESSURE: 5, Activity.IDLE: 6}


def test_the_oldest_message_in_hand_is_known_until_it_is_committed() -> None:
    flow = flow_of(P0, P1)
    assert [flow.oldest_ms] == [None]
    flow.admit([Message(P0, 0, 2000, None, b"x", ()), Message(P1, 0, 1000, None, b"x", ())])
    assert flow.oldest_ms == 1000
    _, older = flow.take(count=2, age_s=0)
    flow.finish([older], ["b"])
    flow.release([older])
    assert flow.oldest_ms == 2000
