"""What a worker has in hand: admitted in order, finished in any order, committed as contiguous prefixes.

Three kinds of threads meet here and nowhere else: the one that polls admits and revokes, the handlers take and finish,
the committer collects. A partition that is lost and comes back is a new `Lease`, so a late result of the old one
cannot be mistaken for the new one's.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from streams.telemetry import Activity
from streams.transport import Message, Partition

Answer = TypeVar("Answer")


@dataclass(eq=False)
class Lease(Generic[Answer]):
    """One period of owning a partition."""

    partition: Partition
    tickets: "deque[Ticket[Answer]]" = field(default_factory=deque)


@dataclass(eq=False)
class Ticket(Generic[Answer]):
    """A message on its way through the worker."""

    lease: Lease[Answer]
    message: Message
    admitted_s: float
    queued: bool = True
    answer: Answer | None = None


class Flow(Generic[Answer]):
    """The messages in flight of one worker, bounded in number and bytes.

    Parameters
    ----------
    max_messages, max_bytes
        From here on `full` is true, and whoever polls should stop admitting.
    clock
        Monotonic seconds.
    """

    def __init__(self, *, max_messages: int, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._finished = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        """One for each kind of thread: to wake all of them at every step cost more than the step."""
        self._leases: dict[Partition, Lease[Answer]] = {}
        self._queue: deque[Ticket[Answer]] = deque()
        self._messages = 0
        self._bytes = 0
        self._closed = False
        self._waits_s = dict.fromkeys((Activity.COMMIT_WAIT, Activity.BACK_PRESSURE, Activity.IDLE), 0.0)
        self._wait = Activity.IDLE
        self._wait_since_s = clock()

    @property
    def full(self) -> bool:
        """Whether as much is in flight as may be."""
        with self._lock:
            return self._is_full()

    @property
    def in_flight(self) -> int:
        """Messages admitted and neither committed nor dropped."""
        with self._lock:
            return self._messages

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest of them was published, by its partition's first."""
        with self._lock:
            heads = [lease.tickets[0].message.timestamp_ms for lease in self._leases.values() if lease.tickets]
            return min(heads, default=None)

    def waits_s(self) -> Mapping[Activity, float]:
        """Seconds so far by what a handler without work would have waited for; they add up to all time."""
        with self._lock:
            self._note_wait()
            return dict(self._waits_s)

    @property
    def room(self) -> int:
        """Messages that may be admitted before it is full."""
        with self._lock:
            return max(0, self._max_messages - self._messages)

    def assign(self, partitions: Collection[Partition]) -> None:
        """Begin a lease of each partition.

        Raises
        ------
        RuntimeError
            If one is held already: its messages would be answered and never committed.
        """
        with self._lock:
            if held := [partition for partition in partitions if partition in self._leases]:
                raise RuntimeError(f"assigned again while held: {held}")
            for partition in partitions:
                self._leases[partition] = Lease(partition)

    def admit(self, messages: Sequence[Message]) -> None:
        """Take messages in, in order; those of partitions that are not held are ignored."""
        with self._work:
            now_s = self._clock()
            for message in messages:
                lease = self._leases.get(message.partition)
                if lease is not None:
                    ticket = Ticket(lease, message, now_s)
                    lease.tickets.append(ticket)
                    self._queue.append(ticket)
                    self._count(+1, ticket)
            self._note_wait()
            self._work.notify_all()

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until no longer full; False when it took longer than ``timeout_s``."""
        with self._room:
            return self._room.wait_for(lambda: self._closed or not self._is_full(), timeout_s)

    def take(self, *, count: int, age_s: float) -> list[Ticket[Answer]]:
        """Wait for work: up to ``count`` messages, waiting ``age_s`` after the first for more. Empty when closed."""
        with self._work:
            while not self._closed:
                self._work.wait_for(lambda: self._closed or self._queue)
                deadline = self._clock() + age_s
                while not self._closed and 0 < len(self._queue) < count and self._clock() < deadline:
                    self._work.wait(deadline - self._clock())
                # Meanwhile another thread may have taken everything, or it was revoked.
                if self._queue and not self._closed:
                    return self._popped(count)
            return []

    def finish(self, tickets: Sequence[Ticket[Answer]], answers: Sequence[Answer]) -> None:
        """Record the answers of a batch."""
        with self._finished:
            for ticket, answer in zip(tickets, answers, strict=True):
                ticket.answer = answer
            self._note_wait()
            self._finished.notify_all()

    def collect(self, *, limit: int) -> list[Ticket[Answer]]:
        """Wait for finished messages at the head of any partition; return them in order. Empty when closed."""
        with self._finished:
            prefixes: list[Ticket[Answer]] = []

            def found() -> bool:
                prefixes.extend(self._prefixes(limit))
                return self._closed or bool(prefixes)

            self._finished.wait_for(found)
            return prefixes

    def held(self, tickets: Sequence[Ticket[Answer]]) -> list[Ticket[Answer]]:
        """Return those whose lease has not ended."""
        with self._lock:
            return [ticket for ticket in tickets if self._leases.get(ticket.lease.partition) is ticket.lease]

    def release(self, tickets: Sequence[Ticket[Answer]]) -> None:
        """Forget messages whose answers are committed."""
        with self._room:
            for ticket in tickets:
                if ticket.lease.tickets and ticket.lease.tickets[0] is ticket:
                    ticket.lease.tickets.popleft()
                    self._count(-1, ticket)
            self._note_wait()
            self._room.notify_all()

    def lose(self, partitions: Collection[Partition]) -> None:
        """End leases of partitions that another member may hold already: drop everything at once."""
        self.revoke(partitions, deadline_s=0)

    def revoke(self, partitions: Collection[Partition], *, deadline_s: float) -> None:
        """End leases: drop queued work at once, give running work until the deadline to be committed, drop the rest."""
        with self._room:
            ending = [self._leases[partition] for partition in partitions if partition in self._leases]
            self._queue = deque(ticket for ticket in self._queue if ticket.lease not in ending)
            for lease in ending:
                while lease.tickets and lease.tickets[-1].queued:
                    self._count(-1, lease.tickets.pop())
            self._room.wait_for(lambda: self._closed or not any(lease.tickets for lease in ending), deadline_s)
            for lease in ending:
                del self._leases[lease.partition]
                while lease.tickets:
                    self._count(-1, lease.tickets.popleft())
            self._note_wait()

    def close(self) -> None:
        """Wake everyone who waits; nothing more is taken or collected."""
        with self._lock:
            self._closed = True
            for waiting in (self._work, self._finished, self._room):
                waiting.notify_all()

    def _is_full(self) -> bool:
        return self._messages >= self._max_messages or self._bytes >= self._max_bytes

    def _note_wait(self) -> None:
        """Charge the time since the last change to what stood in the way, and see what does now."""
        now_s = self._clock()
        self._waits_s[self._wait] += now_s - self._wait_since_s
        self._wait_since_s = now_s
        if not self._is_full():
            self._wait = Activity.IDLE
        else:
            answered = any(lease.tickets and lease.tickets[0].answer is not None for lease in self._leases.values())
            self._wait = Activity.COMMIT_WAIT if answered else Activity.BACK_PRESSURE

    def _count(self, sign: int, ticket: Ticket[Answer]) -> None:
        self._messages += sign
        self._bytes += sign * ticket.message.size_bytes

    def _popped(self, count: int) -> list[Ticket[Answer]]:
        taken = [self._queue.popleft() for _ in range(min(count, len(self._queue)))]
        for ticket in taken:
            ticket.queued = False
        return taken

    def _prefixes(self, limit: int) -> list[Ticket[Answer]]:
        found: list[Ticket[Answer]] = []
        for lease in self._leases.values():
            for ticket in lease.tickets:
                if ticket.answer is None or len(found) >= limit:
                    break
                found.append(ticket)
        return found
