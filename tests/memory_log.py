"""Topics in memory: what is published can be read back, and offsets have the gaps that transactions leave."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zlib import crc32

from streams.errors import UsageError
from streams.topic_log import Extent, milliseconds
from streams.transport import Message, Outgoing, Partition
from tests.events import NOON

Records = list[Message | None]
"""By offset; None where no message is to be read."""


@dataclass
class MemoryLog:
    """A log and the publisher that fills it. ``now`` stamps; ``group_offsets`` are what groups have committed."""

    partitions: int = 2
    now: Callable[[], datetime] = lambda: NOON
    topics: dict[str, list[Records]] = field(default_factory=dict)
    firsts: dict[tuple[str, int], int] = field(default_factory=dict)
    group_offsets: dict[tuple[str, str], dict[int, int]] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)

    def create(self, *topics: str) -> None:
        for topic in topics:
            self.topics.setdefault(topic, [[] for _ in range(self.partitions)])

    def publish(self, events: Iterable[Outgoing]) -> None:
        for event in events:
            self._append(event, visible=True)

    def transaction(self, events: Iterable[Outgoing], *, committed: bool = True) -> None:
        """Publish in a transaction, whose mark takes an offset of every partition it touched."""
        for place in {self._append(event, visible=committed) for event in events}:
            self.topics[place.topic][place.number].append(None)

    def extent(self, topic: str, *, since: datetime | None = None, until: datetime | None = None) -> dict[int, range]:
        if topic not in self.topics:
            raise UsageError(f"topic {topic} does not exist")
        return {n: self._extent(topic, n, since, until) for n in range(self.partitions)}

    def read(self, topic: str, extent: Extent) -> Iterator[Message]:
        self.reads.append(topic)
        for number, offsets in extent.items():
            for message in self.topics[topic][number][offsets.start : offsets.stop]:
                if message is not None:
                    yield message

    def committed(self, group: str, topic: str) -> dict[int, int]:
        return self.group_offsets.get((group, topic), {})

    def commit_all(self, group: str, topic: str) -> None:
        """Be a group that has read everything."""
        self.create(topic)
        self.group_offsets[group, topic] = {n: len(records) for n, records in enumerate(self.topics[topic])}

    def delete_before(self, topic: str, offsets: Mapping[int, int]) -> None:
        for number, offset in offsets.items():
            self.firsts[topic, number] = offset

    def messages(self, topic: str) -> list[Message]:
        """Return what can be read now."""
        return list(self.read(topic, self.extent(topic))) if topic in self.topics else []

    def close(self) -> None:
        pass

    def _append(self, event: Outgoing, *, visible: bool) -> Partition:
        self.create(event.topic)
        place = Partition(event.topic, crc32(event.key or b"") % self.partitions)
        records = self.topics[event.topic][place.number]
        stamp = milliseconds(self.now())
        message = Message(place, len(records), stamp, event.key, event.value, tuple(event.headers))
        records.append(message if visible else None)
        return place

    def _extent(self, topic: str, number: int, since: datetime | None, until: datetime | None) -> range:
        records = self.topics[topic][number]
        start = self.firsts.get((topic, number), 0)
        first, end = (self._first_stamped(records, time) if time else None for time in (since, until))
        stop = len(records) if end is None else end
        return range(max(start, 0 if first is None else first), max(stop, start))

    def _first_stamped(self, records: Records, time: datetime) -> int:
        stamps = (m.offset for m in records if m is not None and m.timestamp_ms >= milliseconds(time))
        return next(stamps, len(records))
