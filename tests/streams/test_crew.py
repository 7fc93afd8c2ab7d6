import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from streams.crew import Crew, Pace
from streams.errors import TransientError
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import RETRIES
from streams.transport import Message, Outgoing, PartitionsFn
from tests.crews import DESK, P0, P1, Start, messages
from tests.echo_worker import EchoWorker
from tests.memory_transport import MemoryTransport


def test_every_message_is_answered_once_in_the_order_of_its_partition(start: Start) -> None:
    transport = MemoryTransport([m for pair in zip(messages(P0, 40), messages(P1, 40), strict=True) for m in pair])
    crew, running = start(transport)
    transport.wait_for_events(80)
    crew.stop()
    running.result(timeout=30)
    for partition in (P0, P1):
        expected = [m.value for m in messages(partition, 40)]
        assert [e.value for e in transport.events if e.value.startswith(b"%d/" % partition.number)] == expected
    assert transport.committed[-1][1].keys() <= {P0, P1}
    assert {p: max(n[p] for _, n in transport.committed if p in n) for p in (P0, P1)} == {P0: 40, P1: 40}
    assert transport.closed


def test_a_full_crew_pauses_goes_on_polling_and_resumes(start: Start) -> None:
    gate = threading.Event()

    def respond(batch: Sequence[Message]) -> None:
        assert gate.wait(30)

    transport = MemoryTransport(messages(P0, 12))
    pace = Pace(handlers=1, batch_age_s=0, max_in_flight=4, max_batch=1)
    crew, running = start(transport, respond, pace=pace)
    polled = threading.Event()
    transport.at_poll = lambda: polled.set() if transport.polls_while_paused > 2 else None
    assert polled.wait(30)
    assert len(transport.waiting) == 8
    gate.set()
    transport.wait_for_events(12)
    crew.stop()
    running.result(timeout=30)
    assert transport.steps[:2] == ["pause", "resume"]
    assert transport.steps[-1] == "resume"


def test_a_failure_in_a_handler_surfaces_from_run(start: Start) -> None:
    def respond(batch: Sequence[Message]) -> None:
        raise ZeroDivisionError("a bug")

    transport = MemoryTransport(messages(P0, 3))
    _, running = start(transport, respond)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        running.result(timeout=30)
    assert transport.committed == []
    assert transport.closed


def test_a_failure_in_the_committer_surfaces_from_run(start: Start) -> None:
    transport = MemoryTransport(messages(P0, 3), refusals=[OSError("the broker is gone")])
    _, running = start(transport)
    with pytest.raises(OSError, match="the broker is gone"):
        running.result(timeout=30)


def test_a_failure_in_a_poll_surfaces_from_run(start: Start) -> None:
    def fail() -> None:
        raise OSError("lost offsets")

    transport = MemoryTransport(messages(P0, 3))
    transport.at_poll = fail
    _, running = start(transport)
    with pytest.raises(OSError, match="lost offsets"):
        running.result(timeout=30)
    assert transport.closed


def test_transient_errors_are_waited_out_and_counted(start: Start) -> None:
    refused = [TransientError("busy"), TransientError("busy")]
    failing = [TransientError("locked")]

    def respond(batch: Sequence[Message]) -> None:
        if failing:
            raise failing.pop()

    transport, telemetry = MemoryTransport(messages(P0, 3), refusals=refused), Telemetry()
    crew, running = start(transport, respond, telemetry=telemetry)
    transport.wait_for_events(3)
    crew.stop()
    running.result(timeout=30)
    assert [event.value for event in transport.events] == [b"0/0", b"0/1", b"0/2"]
    assert telemetry.total(RETRIES, stage="shade") == 3


def test_transient_errors_beyond_all_patience_end_the_run(start: Start) -> None:
    def respond(batch: Sequence[Message]) -> None:
        raise TransientError("the ledger is locked")

    _, running = start(MemoryTransport(messages(P0, 3)), respond, pace=Pace(handlers=1, patience_s=0.01))
    with pytest.raises(TransientError, match="the ledger is locked"):
        running.result(timeout=30)


@pytest.mark.parametrize("where", ["handler", "committer"])
def test_a_crew_that_waits_for_better_times_stops_at_once(start: Start, where: str) -> None:
    met = threading.Event()

    def respond(batch: Sequence[Message]) -> None:
        if where == "handler":
            met.set()
            raise TransientError("busy")

    class Refusing(MemoryTransport):
        def commit(self, outgoing: object, positions: object) -> None:
            met.set()
            raise TransientError("busy")

    crew, running = start(Refusing(messages(P0, 3)), respond, pace=Pace(handlers=1, revoke_deadline_s=600))
    assert met.wait(30)
    crew.stop()
    running.result(timeout=30)


def test_stopping_commits_running_work_and_drops_queued_work(start: Start) -> None:
    taken, gate = threading.Event(), threading.Event()

    def respond(batch: Sequence[Message]) -> None:
        taken.set()
        assert gate.wait(30)

    transport = MemoryTransport(messages(P0, 5))
    crew, running = start(transport, respond, pace=Pace(handlers=1, batch_age_s=0, max_batch=1))
    assert taken.wait(30)
    crew.stop()
    while crew._flow.in_flight > 1:
        time.sleep(0.001)
    gate.set()
    running.result(timeout=30)
    assert transport.committed == [([Outgoing("u", None, b"0/0", ())], {P0: 1})]


@pytest.mark.parametrize(("waiting", "largest"), [(True, 4), (False, 1)])
def test_batches_grow_while_the_work_is_quick_however_long_it_waits_for_a_slot(waiting: bool, largest: int) -> None:
    sizes: list[int] = []

    def respond(batch: Sequence[Message]) -> None:
        sizes.append(len(batch))
        time.sleep(0.06)
        if waiting:
            worker.waited_s += 0.06

    transport = MemoryTransport(messages(P0, 12))
    worker = EchoWorker(DESK, transport, respond)
    crew = Crew(worker, transport, Pace(handlers=1, batch_age_s=0, batch_target_s=0.05, max_batch=4), Telemetry())
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(crew.run)
        transport.wait_for_events(12)
        crew.stop()
        running.result(timeout=30)
    assert max(sizes) == largest


def test_brokers_that_do_not_answer_yet_are_waited_for(start: Start) -> None:
    class Late(MemoryTransport):
        asked = 0

        def subscribe(self, topic: str, **callbacks: PartitionsFn) -> None:
            self.asked += 1
            if self.asked < 3:
                raise TransientError("no broker")
            super().subscribe(topic, **callbacks)

    transport = Late(messages(P0, 1))
    crew, running = start(transport)
    transport.wait_for_events(1)
    crew.stop()
    running.result(timeout=30)


def test_a_crew_that_waits_for_brokers_stops_at_once(start: Start) -> None:
    asked = threading.Event()

    class Absent(MemoryTransport):
        def subscribe(self, topic: str, **callbacks: PartitionsFn) -> None:
            asked.set()
            raise TransientError("no broker")

    transport = Absent([])
    crew, running = start(transport)
    assert asked.wait(30)
    crew.stop()
    running.result(timeout=30)
    assert transport.closed


def test_the_group_is_left_although_a_handler_does_not_end(start: Start) -> None:
    taken, gate, left = threading.Event(), threading.Event(), threading.Event()

    def respond(batch: Sequence[Message]) -> None:
        taken.set()
        assert gate.wait(30)

    class Leaving(MemoryTransport):
        def close(self) -> None:
            left.set()

    crew, running = start(Leaving(messages(P0, 1)), respond, pace=Pace(handlers=1, revoke_deadline_s=0))
    assert taken.wait(30)
    crew.stop()
    assert left.wait(30)
    running.result(timeout=30)
    gate.set()
