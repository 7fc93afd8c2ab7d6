"""Reading a stretch of a topic as it stands, as no group's member: for the commands that look back."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from streams.transport import Message

Extent = Mapping[int, range]
"""Offsets by partition. Not every offset is a message: transactions' marks and aborted records occupy some."""

CLOCK_SKEW = timedelta(hours=1)
"""How far apart the clocks of producers may be; messages of a topic are stamped by them, in no strict order."""


class TopicLog(Protocol):
    """The committed messages of topics, and where groups stand in them.

    Every call raises `TransientError` where the brokers do not answer, and `UsageError` where a topic does not exist.
    """

    def extent(self, topic: str, *, since: datetime | None = None, until: datetime | None = None) -> dict[int, range]:
        """Return what is committed now: of each partition the offsets from the first message stamped ``since`` or
        later, up to the first stamped ``until`` or later. Between may be messages stamped outside.
        """  # noqa: D205 - one sentence

    def read(self, topic: str, extent: Extent) -> Iterator[Message]:
        """Read the committed messages of an extent, each partition's in order; ends at the extent's end, or before it
        where the topic has nothing more.
        """  # noqa: D205 - one sentence

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """Return the next offset that a group reads of each partition; partitions where it has none are left out."""

    def delete_before(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Delete the messages of partitions before an offset, for ever."""

    def close(self) -> None:
        """Release the connection."""


def stamped(
    log: TopicLog, topic: str, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[Message]:
    """Read the messages stamped ``since <= t < until``, however far their producers' clocks were apart."""
    end = until + CLOCK_SKEW if until else None
    yield from within(log.read(topic, log.extent(topic, since=since, until=end)), since=since, until=until)


def within(messages: Iterable[Message], *, since: datetime | None, until: datetime | None) -> Iterator[Message]:
    """Leave out the messages that are stamped outside ``since <= t < until``."""
    first = milliseconds(since) if since else None
    end = milliseconds(until) if until else None
    for message in messages:
        if (first is None or message.timestamp_ms >= first) and (end is None or message.timestamp_ms < end):
            yield message


def message_at(log: TopicLog, topic: str, partition: int, offset: int) -> Message | None:
    """Return the message of a place; None where it is gone."""
    held = log.extent(topic).get(partition, range(0))
    found = log.read(topic, {partition: range(offset, offset + 1)}) if offset in held else iter(())
    return next(found, None)


def milliseconds(time: datetime) -> int:
    """Return a time as Kafka stamps messages: whole milliseconds since 1970."""
    return int(time.timestamp() * 1000)
