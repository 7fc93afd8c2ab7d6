"""Live goes first; replay keeps a tenth; one slot of several is free for live while it had work lately."""

import threading
import time
from collections import Counter
from contextlib import ExitStack, nullcontext

import pytest

from streams.pipeline import LIVE
from streams.slots import LATELY_S, OTHERS_SHARE, Slots


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def contest(lanes: list[str], turns: int, *, seconds: float = 1.0, live: str = LIVE) -> list[str]:
    """Let one thread a lane ask for the one slot again and again; return who had it, in order."""
    clock = Clock()
    slots = Slots(1, live=live, clock=clock)
    order: list[str] = []
    ready = threading.Barrier(len(lanes))

    def worker(lane: str) -> None:
        ready.wait(10)
        while len(order) < turns:
            with slots.taken(lane):
                order.append(lane)
                while sum(slots._waiting.values()) < len(lanes) - 1 and len(order) < turns:
                    time.sleep(0.0001)  # everybody else waits again before the slot comes free
                clock.now += seconds

    threads = [threading.Thread(target=worker, args=(lane,), daemon=True) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return order[:turns]


def test_live_goes_first_and_replay_keeps_a_tenth() -> None:
    counts = Counter(contest(["live", "live", "replay", "replay"], 400))
    assert 0.9 * OTHERS_SHARE <= counts["replay"] / 400 <= 1.3 * OTHERS_SHARE


def test_lanes_other_than_live_share_their_tenth() -> None:
    counts = Counter(contest(["live", "live", "replay", "replay-1234"], 400))
    assert 0.9 * OTHERS_SHARE <= (counts["replay"] + counts["replay-1234"]) / 400 <= 1.3 * OTHERS_SHARE


def test_another_lane_may_be_the_one_that_goes_first() -> None:
    counts = Counter(contest(["mine", "mine", "live", "live"], 400, live="mine"))
    assert 0.9 * OTHERS_SHARE <= counts["live"] / 400 <= 1.3 * OTHERS_SHARE


def test_replay_has_everything_where_live_has_nothing_to_do() -> None:
    assert Counter(contest(["replay", "replay"], 20)) == {"replay": 20}


def test_no_more_run_at_one_time_than_there_are_slots() -> None:
    slots = Slots(2)
    running, most = [0], [0]
    lock = threading.Lock()

    def work() -> None:
        for _ in range(50):
            with slots.taken("live", waiting=nullcontext()):
                with lock:
                    running[0] += 1
                    most[0] = max(most[0], running[0])
                time.sleep(0.0002)
                with lock:
                    running[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 2


def test_a_slot_comes_back_when_the_block_fails() -> None:
    slots = Slots(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), slots.taken("live"):
            _ = 1 / 0
    with slots.taken("live"):
        pass


def test_the_wait_for_a_slot_is_counted_for_the_thread_that_waits() -> None:
    clock = Clock()
    slots = Slots(1, clock=clock)
    waited_s: list[float] = []

    def wait() -> None:
        for _ in range(2):
            with slots.taken("live"):
                waited_s.append(slots.waited_s)

    with slots.taken("live"):
        thread = threading.Thread(target=wait)
        thread.start()
        while not slots._waiting["live"]:
            time.sleep(0.001)
        clock.now += 3
    thread.join()
    assert (waited_s, slots.waited_s) == ([3, 3], 0)


def goes_at_once(slots: Slots, lane: str) -> bool:
    """Whether a lane gets a slot while nobody gives one back; it gives it back later."""
    got = threading.Event()

    def hold() -> None:
        with slots.taken(lane):
            got.set()

    threading.Thread(target=hold, daemon=True).start()
    return got.wait(0.3)


def test_the_last_slot_is_kept_for_live_while_it_had_work_lately() -> None:
    clock = Clock()
    slots = Slots(2, clock=clock)
    with slots.taken("live"):
        pass
    with slots.taken("replay"):
        assert goes_at_once(slots, "live")
        clock.now += 0.9 * LATELY_S
        assert not goes_at_once(slots, "replay")


def test_others_begin_beside_a_live_call_only_where_a_slot_stays_free_for_the_next() -> None:
    for count, expected in ((2, False), (3, True)):
        clock = Clock()
        slots = Slots(count, clock=clock)
        with slots.taken("replay"):
            clock.now += 1  # the others have had their tenth
        with slots.taken("live"):
            assert goes_at_once(slots, "replay") is expected


def test_a_long_call_of_others_is_their_turn_while_it_runs() -> None:
    clock = Clock()
    slots = Slots(8, clock=clock)
    with slots.taken("live"):
        clock.now += 100  # the others are owed a call
    with ExitStack() as holding:
        for lane in (*["live"] * 6, "replay"):
            holding.enter_context(slots.taken(lane))
        clock.now += 60  # more than its tenth, though nothing of it was given back
        assert not goes_at_once(slots, "replay")


def test_the_last_slot_is_kept_for_live_through_a_long_call_of_its_own() -> None:
    clock = Clock()
    slots = Slots(2, clock=clock)
    with slots.taken("replay"):
        clock.now += 10  # the others have had more than their tenth
    with slots.taken("live"):
        clock.now += LATELY_S + 0.5
        assert not goes_at_once(slots, "replay")


def test_others_begin_beside_a_live_call_while_they_had_less_than_their_tenth() -> None:
    clock = Clock()
    slots = Slots(2, clock=clock)
    with slots.taken("live"):
        clock.now += 1
    with slots.taken("live"):
        assert goes_at_once(slots, "replay")


def test_others_have_every_slot_where_live_had_no_work_for_a_while() -> None:
    clock = Clock()
    slots = Slots(2, clock=clock)
    with slots.taken("live"):
        pass
    clock.now += LATELY_S
    with slots.taken("replay"):
        assert goes_at_once(slots, "replay")


def test_one_slot_is_everybodys() -> None:
    slots = Slots(1, clock=Clock())
    with slots.taken("live"):
        pass
    assert goes_at_once(slots, "replay")


def test_live_takes_the_slot_that_is_free_for_it_although_it_is_the_others_turn() -> None:
    clock = Clock()
    slots = Slots(2, clock=clock)
    with slots.taken("live"):
        clock.now += 100  # from here on the others have less than their share
    with slots.taken("replay"):
        assert not goes_at_once(slots, "replay")
        assert goes_at_once(slots, "live")
