"""Messages, and what the path of an image needs of Kafka: a member of a group that answers, and a publisher.

Adapters map their library's errors as `streams.ports` says.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

WireHeaders = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Partition:
    """A partition of a topic."""

    topic: str
    number: int


@dataclass(frozen=True)
class Message:
    """What a poll brings."""

    partition: Partition
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: WireHeaders

    @property
    def size_bytes(self) -> int:
        """Bytes of the value."""
        return len(self.value or b"")


@dataclass(frozen=True)
class Outgoing:
    """What is to be published."""

    topic: str
    key: bytes | None
    value: bytes
    headers: WireHeaders

    @property
    def size_bytes(self) -> int:
        """Bytes of key, value and headers."""
        headers = sum(len(name) + len(value or b"") for name, value in self.headers)
        return len(self.key or b"") + len(self.value) + headers


@dataclass(frozen=True)
class Positions:
    """The next offsets to read, and what `Transport.membership` gave while they were held.

    The broker refuses positions under a membership that has ended: a partition that was lost and came back has a new
    one, so what a zombie still wants to commit cannot pass for the work of its present owner.
    """

    offsets: Mapping[Partition, int]
    membership: object = None


class Transport(Protocol):
    """One member of a consumer group, with the producer that answers what it reads.

    One thread polls, pauses and resumes, and does nothing else; one other thread commits. Rebalances happen inside
    `poll`, which then calls the functions given to `subscribe`.
    """

    def subscribe(
        self, topic: str, *, on_assign: "PartitionsFn", on_revoke: "PartitionsFn", on_lost: "PartitionsFn"
    ) -> None:
        """Join the group.

        ``on_revoke`` may take its time to finish and commit what is in hand: the partitions are given up when it
        returns. ``on_lost`` must drop everything at once: another member may hold them already.

        Raises
        ------
        TransientError
            If the brokers do not answer; the same call may be tried again.
        UsageError
            If the topic does not exist, a permission is missing, or the group's offsets are lost.
        """

    def poll(self, *, limit: int, timeout_s: float) -> list[Message]:
        """Wait for at least one message, at most ``timeout_s``; return what is there, in partition order."""

    def pause(self) -> None:
        """Fetch nothing more until `resume`; polling goes on, so that the group keeps this member."""

    def resume(self) -> None:
        """Fetch again."""

    def membership(self) -> object:
        """Return this member's present place in its group, to be committed with.

        Take it *before* asking which partitions are held: it is then never newer than what was held.
        """

    def commit(self, outgoing: Sequence[Outgoing], positions: Positions) -> None:
        """Publish the events and move the group's positions, both or neither.

        Raises
        ------
        TransientError
            If neither happened and the same call may be tried again.
        """

    def lag(self) -> Mapping[Partition, int]:
        """Return how many messages of each partition held are not yet committed; for the polling thread."""

    def close(self) -> None:
        """Leave the group."""


PartitionsFn = Callable[[Collection[Partition]], None]


class Publisher(Protocol):
    """Publishes events outside any transaction: feeds and tools."""

    def publish(self, events: Iterable[Outgoing]) -> None:
        """Publish, and return when every broker acknowledgement is in.

        Raises
        ------
        TransientError
            If some were not acknowledged: publish all of them again.
        InvalidImage
            If an event is larger than Kafka takes.
        UsageError
            If a topic does not exist or may not be written to.
        """

    def close(self) -> None:
        """Release the connection."""
