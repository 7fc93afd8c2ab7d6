import threading
from collections.abc import Sequence

from streams.crew import Pace
from streams.errors import TransientError
from streams.transport import Message, Outgoing, Positions
from tests.crews import P0, P1, Start, messages
from tests.memory_transport import MemoryTransport


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
