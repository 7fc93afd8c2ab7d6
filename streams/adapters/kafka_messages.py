"""Kafka messages as the ports know them, and the publisher and reader that need no group transaction."""

from collections.abc import Collection, Iterable, Mapping
from typing import cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as KafkaMessage

from streams.errors import TransientError
from streams.ports import Message, Outgoing, Partition


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


A_DAY_MS = 86_400_000
"""The longest that librdkafka accepts."""
PASSING = {KafkaError._PARTITION_EOF, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}
"""Errors among the messages that librdkafka gets over by itself."""


def is_data(message: KafkaMessage, *, passing: Collection[int] = frozenset(PASSING)) -> bool:
    """Whether it is a message; False for a passing error, other errors raise."""
    error = message.error()
    if error is None:
        return True
    if error.code() in passing:
        return False
    raise KafkaException(error)


class KafkaPublisher:
    """An idempotent producer with ``acks=all``."""

    def __init__(self, bootstrap_servers: str, *, client: Mapping[str, str | int | bool] | None = None) -> None:
        settings = {"bootstrap.servers": bootstrap_servers, "enable.idempotence": True, "compression.type": "zstd"}
        self._producer = Producer({**settings, **(client or {})})
        self._failures: list[KafkaError] = []

    def publish(self, events: Iterable[Outgoing]) -> None:
        """Publish and wait for every acknowledgement."""
        for event in events:
            self._producer.produce(
                event.topic, event.value, event.key, headers=list(event.headers), on_delivery=self._delivered
            )
        left = self._producer.flush(60)
        failures, self._failures = self._failures, []
        if left or failures:
            cause = failures[0].str() if failures else "no acknowledgement within 60 s"
            raise TransientError(f"{left or len(failures)} events were not published ({cause}); check the brokers")

    def close(self) -> None:
        """Send what is left."""
        self._producer.flush(10)

    def _delivered(self, error: KafkaError | None, _: object) -> None:
        if error is not None:
            self._failures.append(error)


class KafkaReader:
    """Reads the partitions that topics have now, from their beginning and as no group's member: to watch results."""

    def __init__(
        self, bootstrap_servers: str, topics: Collection[str], group: str, *, client: Mapping[str, str | int | bool]
    ) -> None:
        settings = {
            "bootstrap.servers": bootstrap_servers,
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "max.poll.interval.ms": A_DAY_MS,  # between two polls its user writes results, however large
        }
        self._consumer = Consumer({**settings, **client})
        known = [self._consumer.list_topics(topic, timeout=10).topics[topic] for topic in topics]
        self._consumer.assign([TopicPartition(t.topic, n, OFFSET_BEGINNING) for t in known for n in t.partitions])

    def poll(self, *, limit: int, timeout_s: float) -> list[Message]:
        """Wait for one message, then take what else has arrived."""
        first = self._consumer.poll(timeout_s)
        found = [first, *self._consumer.consume(limit - 1, 0)] if first is not None else []
        passing = {*PASSING, KafkaError.UNKNOWN_TOPIC_OR_PART}
        return [to_message(message) for message in found if is_data(message, passing=passing)]

    def close(self) -> None:
        """Leave."""
        self._consumer.close()
