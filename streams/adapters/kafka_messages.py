"""Kafka messages as the ports know them."""

from typing import cast

from confluent_kafka import Message as KafkaMessage

from streams.transport import Message, Partition


def to_message(message: KafkaMessage) -> Message:
    """Return a message of librdkafka's as the ports know it."""
    return Message(
        partition=Partition(message.topic() or "", message.partition() or 0),
        offset=message.offset() or 0,
        timestamp_ms=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers=tuple(cast("list[tuple[str, bytes | None]]", message.headers() or [])),
    )
