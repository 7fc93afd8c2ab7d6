"""The first message that a group has not read, in each partition: its age is how late the group is."""

import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka import Message as KafkaMessage

from streams.adapters.kafka_client import Configuration, connection, made
from streams.adapters.kafka_errors import ClientErrors, Kind, exception_for, kind_of
from streams.errors import TransientError
from streams.settings import KafkaSettings

PATIENCE_S = 20.0
READING: Configuration = {
    "group.id": "semstream-unread",  # required, and never joined
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
}


def first_unread(kafka: KafkaSettings, topic: str, positions: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """Return offset and timestamp (ms) of the first message at or behind each position; where there is none, nothing.

    Offsets alone cannot tell: what lies behind a position may be markers of transactions and aborted messages.
    """
    consumer = made(Consumer, {**connection(kafka), **READING}, ClientErrors())
    try:
        return _first_of_each(consumer, topic, positions) if positions else {}
    finally:
        consumer.close()


def _first_of_each(consumer: Consumer, topic: str, positions: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    consumer.assign([TopicPartition(topic, number, offset) for number, offset in positions.items()])
    found: dict[int, tuple[int, int]] = {}
    open_partitions = set(positions)
    deadline = time.monotonic() + PATIENCE_S
    while open_partitions:
        if time.monotonic() > deadline:
            raise TransientError(f"reading {topic} took more than {PATIENCE_S:.0f} s; check the brokers")
        message = consumer.poll(0.2)
        if message is None or not _is_news(message, topic):
            continue
        number = message.partition() or 0
        if number in open_partitions and message.error() is None:
            found[number] = (message.offset() or 0, message.timestamp()[1])
        open_partitions.discard(number)
    return found


def _is_news(message: KafkaMessage, topic: str) -> bool:
    """Whether it is a message or the end of a partition; False for an error that passes, other errors raise."""
    error = message.error()
    if error is None or error.code() == KafkaError._PARTITION_EOF:
        return True
    if kind_of(error) is Kind.PASSING:
        return False
    raise exception_for(error, f"reading {topic}")
