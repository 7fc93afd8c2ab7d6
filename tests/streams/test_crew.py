import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from streams.crew import Crew, Pace
from streams.errors import TransientError
from streams.job import Desk
from streams.pipeline import Step
from streams.ports import Message, Outgoing, Partition, PartitionsFn, Positions
from streams.telemetry import Activity, Telemetry
from streams.telemetry.catalogue import LAG_MESSAGES, PARTITIONS, REBALANCES, RETRIES, WORKER_SECONDS
from tests.echo_worker import EchoWorker
from tests.memory_transport import MemoryTransport
from tests.toys import Shade

P0, P1 = Partition("t", 0), Partition("t", 1)
DESK = Desk(Step(Shade(), "t", "u"), "live", "p1")
QUICK = Pace(handlers=2, batch_age_s=0, revoke_deadline_s=20)
Respond = Callable[[Sequence[Message]], None]


def messages(partition: Partition, count: int, *, size: int = 1) -> list[Message]:
    return [Message(partition, n, 0, None, f"{partition.number}/{n}".encode().ljust(size), ()) for n in range(count)]


Start = Callable[..., tuple[Crew, "Future[None]"]]


@pytest.fixture
def start() -> Iterator[Start]:
    crews: list[Crew] = []
    with ThreadPoolExecutor() as pool:

        def start(
            transport: MemoryTransport,
            respond: Respond = lambda messages: None,
            *,
            pace: Pace = QUICK,
            telemetry: Telemetry | None = None,
        ) -> tuple[Crew, "Future[None]"]:
            crew = Crew(EchoWorker(DESK, transport, respond), transport, pace, telemetry or Telemetry())
            crews.append(crew)
            return crew, pool.submit(crew.run)

        yield start
        for crew in crews:
            crew.stop()


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


def test_positions_never_pass_a_message_that_is_still_in_hand(start: Start) -> None:
    gate = threading.Event()

    def respond(batch: Sequence[Message]) -> None:
        if batch[0].offset == 0:
            assert gate.wait(30)

    transport = MemoryTransport(messages(P0, 3) + messages(P1, 3))
    crew, running = start(transport, lambda batch: respond(batch) if batch[0].partition == P0 else None)
    transport.wait_for_events(3)
    assert all(P0 not in positions for _, positions in transport.committed)
    gate.set()
    transport.wait_for_events(6)
    crew.stop()
    running.result(timeout=30)


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


def test_a_commit_that_was_refused_is_not_repeated_for_a_partition_that_was_lost_meanwhile(start: Start) -> None:
    refused, lost = threading.Event(), threading.Event()

    class Losing(MemoryTransport):
        def commit(self, outgoing: Sequence[Outgoing], positions: object) -> None:
            if not refused.is_set():
                refused.set()
                assert lost.wait(30)
                raise TransientError("fenced")
            super().commit(outgoing, positions)  # type: ignore[arg-type]

    def lose() -> None:
        if refused.is_set() and not lost.is_set():
            transport.revoke([P0])
            transport.assign([P1])
            lost.set()
            transport.waiting = messages(P1, 1)

    transport = Losing(messages(P0, 1))
    transport.at_poll = lose
    crew, running = start(transport, pace=Pace(handlers=1, batch_age_s=0, revoke_deadline_s=0))
    transport.wait_for_events(1)
    crew.stop()
    running.result(timeout=30)
    assert transport.committed == [([Outgoing("u", None, b"1/0", ())], {P1: 1})]


def test_a_lost_partition_is_dropped_at_once_whatever_is_being_done_for_it(start: Start) -> None:
    taken, gate, dropped = threading.Event(), threading.Event(), threading.Event()

    def respond(batch: Sequence[Message]) -> None:
        if batch[0].partition == P0:
            taken.set()
            assert gate.wait(30)

    def lose() -> None:
        if taken.is_set() and not dropped.is_set():
            transport.lose([P0])
            dropped.set()
            transport.assign([P1])
            transport.waiting = messages(P1, 1)

    transport = MemoryTransport(messages(P0, 1))
    transport.at_poll = lose
    crew, running = start(transport, respond, pace=Pace(handlers=2, batch_age_s=0, revoke_deadline_s=600))
    assert dropped.wait(30)
    transport.wait_for_events(1)
    gate.set()
    crew.stop()
    running.result(timeout=30)
    assert transport.committed == [([Outgoing("u", None, b"1/0", ())], {P1: 1})]


def test_a_commit_carries_the_membership_of_its_partitions_not_a_newer_one(start: Start) -> None:
    """A worker that was stopped between asking what it holds and committing must be refused by the broker."""
    answered: list[object] = []

    class Thawing(MemoryTransport):
        def commit(self, outgoing: Sequence[Outgoing], positions: Positions) -> None:
            if not answered:
                self.lose([P0])
                self.assign([P0])
                self.waiting = messages(P0, 1)
            answered.append(positions.membership)
            if positions.membership != self.generation:
                raise TransientError("a membership that ended")
            super().commit(outgoing, positions)

    transport = Thawing(messages(P0, 1))
    crew, running = start(transport, pace=Pace(handlers=1, batch_age_s=0))
    transport.wait_for_events(1)
    crew.stop()
    running.result(timeout=30)
    assert answered == [1, 2]
    assert transport.committed == [([Outgoing("u", None, b"0/0", ())], {P0: 1})]


def test_what_was_lost_after_the_membership_was_taken_is_not_published(start: Start) -> None:
    class Losing(MemoryTransport):
        asked = False

        def membership(self) -> int:
            taken = super().membership()
            if not self.asked:
                self.asked = True
                self.lose([P0])
                self.assign([P0])
                self.waiting = messages(P0, 2)
            return taken

    transport = Losing(messages(P0, 1))
    crew, running = start(transport, pace=Pace(handlers=1, batch_age_s=0))
    transport.wait_for_events(2)
    crew.stop()
    running.result(timeout=30)
    assert [event.value for event in transport.events] == [b"0/0", b"0/1"]
    assert set(transport.memberships) == {2}


def test_a_crew_tells_how_far_it_is_behind(start: Start) -> None:
    gate = threading.Event()
    transport, telemetry = MemoryTransport(messages(P0, 12)), Telemetry()
    pace = Pace(handlers=1, batch_age_s=0, max_in_flight=4, max_batch=1)
    crew, running = start(transport, lambda _: gate.wait(30), pace=pace, telemetry=telemetry)
    measured = threading.Event()

    def look() -> None:
        if telemetry.total(LAG_MESSAGES, stage="shade", lane="live") == 8:
            measured.set()

    transport.at_poll = look
    assert measured.wait(30)
    gate.set()
    crew.stop()
    running.result(timeout=30)


def seconds_of_handlers(telemetry: Telemetry) -> float:
    return telemetry.total(WORKER_SECONDS, stage="shade", lane="live", thread="handler")


@pytest.mark.parametrize("loaded", [True, False])
def test_the_activities_of_the_handlers_add_up_to_their_time_loaded_and_idle(start: Start, loaded: bool) -> None:
    transport, telemetry = MemoryTransport(messages(P0, 9000 if loaded else 1)), Telemetry()
    pace = Pace(handlers=3, batch_age_s=0, max_in_flight=8, max_batch=2)
    crew, running = start(transport, lambda _: time.sleep(0.002), pace=pace, telemetry=telemetry)
    transport.wait_for_events(1)
    before, start_s = seconds_of_handlers(telemetry), time.monotonic()
    time.sleep(0.5)
    after, seconds = seconds_of_handlers(telemetry), time.monotonic() - start_s
    assert after - before == pytest.approx(3 * seconds, rel=0.02)
    idle = telemetry.total(WORKER_SECONDS, stage="shade", thread="handler", activity="idle")
    assert idle < after / 2 if loaded else idle > after / 2
    crew.stop()
    running.result(timeout=30)


def test_handlers_that_wait_behind_a_slow_commit_or_an_old_image_say_so(start: Start) -> None:
    gate, telemetry = threading.Event(), Telemetry()

    class SlowToCommit(MemoryTransport):
        def commit(self, outgoing: Sequence[Outgoing], positions: Positions) -> None:
            gate.wait(30)
            super().commit(outgoing, positions)

    transport = SlowToCommit(messages(P0, 12))
    pace = Pace(handlers=2, batch_age_s=0, max_in_flight=4, max_batch=1)
    crew, running = start(transport, pace=pace, telemetry=telemetry)

    def waited(activity: Activity) -> float:
        return telemetry.total(WORKER_SECONDS, stage="shade", thread="handler", activity=activity)

    deadline = time.monotonic() + 30
    while waited(Activity.COMMIT_WAIT) < 0.1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert waited(Activity.COMMIT_WAIT) >= 0.1
    assert waited(Activity.BACK_PRESSURE) < 0.1
    gate.set()
    transport.wait_for_events(12)
    crew.stop()
    running.result(timeout=30)


def test_a_crew_is_ready_while_it_has_partitions_and_nothing_keeps_it_waiting(start: Start) -> None:
    refused = [TransientError("brokers do not answer")] * 4
    transport, telemetry = MemoryTransport(messages(P0, 1), refusals=refused), Telemetry()
    told: set[str | None] = set()
    crew, running = start(transport, telemetry=telemetry)
    transport.at_poll = lambda: told.add(crew.why_not_ready())
    transport.wait_for_events(1)
    assert "shade: brokers do not answer" in told
    deadline = time.monotonic() + 30
    while crew.why_not_ready() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert crew.why_not_ready() is None
    assert telemetry.total(WORKER_SECONDS, stage="shade", thread="committer", activity="retry") > 0
    assert telemetry.total(REBALANCES, stage="shade", change="assigned") == 1
    assert telemetry.total(PARTITIONS, stage="shade") == 1
    transport.at_poll = lambda: transport.lose([P0])
    while telemetry.total(PARTITIONS, stage="shade") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert crew.why_not_ready() == "shade: its group has given it no partitions yet"
    crew.stop()
    running.result(timeout=30)


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
