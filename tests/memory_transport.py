"""A transport in memory, whose every step a test decides."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from streams.transport import Message, Outgoing, Partition, PartitionsFn, Positions


class MemoryTransport:
    """Hands out ``messages`` unless paused, and notes commits; ``refusals`` are raised by the next commits."""

    def __init__(self, messages: Sequence[Message], *, refusals: Sequence[Exception] = ()) -> None:
        self.waiting = list(messages)
        self.refusals = list(refusals)
        self.committed: list[tuple[list[Outgoing], dict[Partition, int]]] = []
        self.steps: list[str] = []
        self.polls_while_paused = 0
        self.closed = False
        self.at_poll: Callable[[], None] = lambda: None
        self._paused = False
        self._assign: PartitionsFn = lambda partitions: None
        self._revoke: PartitionsFn = lambda partitions: None
        self._lose: PartitionsFn = lambda partitions: None
        self.generation = 0
        self.memberships: list[object] = []
        self._changed = threading.Condition()

    def subscribe(self, topic: str, *, on_assign: PartitionsFn, on_revoke: PartitionsFn, on_lost: PartitionsFn) -> None:
        self._assign, self._revoke, self._lose = on_assign, on_revoke, on_lost
        self.assign({message.partition for message in self.waiting})

    def assign(self, partitions: Collection[Partition]) -> None:
        self.generation += 1
        self._assign(partitions)

    def lose(self, partitions: Collection[Partition]) -> None:
        self._lose(partitions)

    def revoke(self, partitions: Collection[Partition]) -> None:
        self._revoke(partitions)

    def poll(self, *, limit: int, timeout_s: float) -> list[Message]:
        self.at_poll()
        if self._paused:
            self.polls_while_paused += 1
        if self._paused or not self.waiting:
            time.sleep(min(timeout_s, 0.005))
            return []
        found, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return found

    def pause(self) -> None:
        self._paused = True
        self.steps.append("pause")

    def resume(self) -> None:
        self._paused = False
        self.steps.append("resume")

    def membership(self) -> int:
        return self.generation

    def lag(self) -> dict[Partition, int]:
        return Counter(message.partition for message in self.waiting)

    def commit(self, outgoing: Sequence[Outgoing], positions: Positions) -> None:
        with self._changed:
            if self.refusals:
                raise self.refusals.pop(0)
            self.committed.append((list(outgoing), dict(positions.offsets)))
            self.memberships.append(positions.membership)
            self._changed.notify_all()

    def close(self) -> None:
        self.closed = True

    def wait_for_events(self, count: int, *, patience_s: float = 30) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.events) >= count, patience_s), self.events

    @property
    def events(self) -> list[Outgoing]:
        return [event for outgoing, _ in self.committed for event in outgoing]
