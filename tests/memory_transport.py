"""A transport in memory, whose every step a test decides."""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from streams.ports import Message, Outgoing, Partition, PartitionsFn


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
        self._changed = threading.Condition()

    def subscribe(self, topic: str, *, on_assign: PartitionsFn, on_revoke: PartitionsFn) -> None:
        self._assign, self._revoke = on_assign, on_revoke
        self.assign({message.partition for message in self.waiting})

    def assign(self, partitions: Collection[Partition]) -> None:
        self._assign(partitions)

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

    def commit(self, outgoing: Sequence[Outgoing], positions: Mapping[Partition, int]) -> None:
        with self._changed:
            if self.refusals:
                raise self.refusals.pop(0)
            self.committed.append((list(outgoing), dict(positions)))
            self._changed.notify_all()

    def close(self) -> None:
        self.closed = True

    def wait_for_events(self, count: int, *, patience_s: float = 30) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.events) >= count, patience_s), self.events

    @property
    def events(self) -> list[Outgoing]:
        return [event for outgoing, _ in self.committed for event in outgoing]
