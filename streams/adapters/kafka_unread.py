"""What a group has not read, in each partition: how many, and how old the first is: so late the group is."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka import Message as KafkaMessage

from streams.adapters.kafka_client import Configuration, connection, made
from streams.adapters.kafka_errors import ClientErrors, Kind, exception_for, kind_of
from streams.errors import TransientError
from streams.settings import KafkaSettings

PATIENCE_S = 20.0
COUNTED = 2000
"""So many messages of a topic are counted one by one: 20 MB at the most usual sizes."""
FEWEST = 100
"""So many of each partition at the least."""
READING: Configuration = {
    "group.id": "semstream-unread",  # required, and never joined
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
}


@dataclass(frozen=True)
class Unread:
    """What a group has not read of a partition: how many messages are counted, and where the count ended."""

    first_ms: int
    messages: int
    behind: int
    """The offset behind the last message that is counted."""
    whole: bool = False
    """Whether the count came to the end of the partition."""

    def and_(self, offset: int) -> "Unread":
        """Count the message at an offset as well."""
        return replace(self, messages=self.messages + 1, behind=offset + 1)


def unread(kafka: KafkaSettings, topic: str, positions: Mapping[int, int]) -> dict[int, Unread]:
    """Read what is at or behind each position, and count it up to a bound; where there is no message, nothing.

    Offsets alone cannot tell: what lies behind a position may be markers of transactions and aborted messages.
    """
    consumer = made(Consumer, {**connection(kafka), **READING}, ClientErrors())
    try:
        return _counted(consumer, topic, positions) if positions else {}
    finally:
        consumer.close()


def _counted(consumer: Consumer, topic: str, positions: Mapping[int, int]) -> dict[int, Unread]:
    consumer.assign([TopicPartition(topic, number, offset) for number, offset in positions.items()])
    enough = max(FEWEST, COUNTED // len(positions))
    found: dict[int, Unread] = {}
    open_partitions = set(positions)
    deadline = time.monotonic() + PATIENCE_S
    while open_partitions:
        if time.monotonic() > deadline:
            raise TransientError(f"reading {topic} took more than {PATIENCE_S:.0f} s; check the brokers")
        message = consumer.poll(0.2)
        number = (message.partition() or 0) if message is not None else -1
        if message is None or number not in open_partitions or not _is_news(message, topic):
            continue
        if message.error() is not None:
            open_partitions.discard(number)
            if number in found:
                found[number] = replace(found[number], whole=True)
            continue
        offset = message.offset() or 0
        found[number] = found.get(number, Unread(message.timestamp()[1], 0, offset)).and_(offset)
        if found[number].messages >= enough:
            open_partitions.discard(number)
            consumer.pause([TopicPartition(topic, number)])
    return found


def _is_news(message: KafkaMessage, topic: str) -> bool:
    """Whether it is a message or the end of a partition; False for an error that passes, other errors raise."""
    error = message.error()
    if error is None or error.code() == KafkaError._PARTITION_EOF:
        return True
    if kind_of(error) is Kind.PASSING:
        return False
    raise exception_for(error, f"reading {topic}")
