"""Reading topics as no group's member: to watch results."""

import time
from collections.abc import Collection

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from confluent_kafka import Message as KafkaMessage

from streams.adapters.kafka_client import Configuration, Options, connection, made
from streams.adapters.kafka_errors import ClientErrors, Kind, exception_for, kind_of
from streams.adapters.kafka_messages import to_message
from streams.errors import UsageError
from streams.settings import KafkaSettings
from streams.transport import Message

A_DAY_MS = 86_400_000
"""The longest that librdkafka accepts."""
UNKNOWN_S = 10.0
"""How long a topic may be unknown."""


class KafkaReader:
    """Reads the partitions that topics have now, from their beginning, read committed."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topics: Collection[str],
        group: str,
        *,
        options: Options | None = None,
    ) -> None:
        settings: Configuration = {
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "max.poll.interval.ms": A_DAY_MS,  # between two polls its user writes results, however large
        }
        self._errors = ClientErrors()
        self._consumer = made(Consumer, {**connection(kafka), **settings, **(options or {})}, self._errors)
        self._consumer.assign([place for topic in topics for place in self._beginnings(topic)])

    def poll(self, *, limit: int, timeout_s: float) -> list[Message]:
        """Wait for one message, then take what else has arrived."""
        first = self._consumer.poll(timeout_s)
        found = [first, *self._consumer.consume(limit - 1, 0)] if first is not None else []
        return [to_message(message) for message in found if self._is_data(message)]

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def _beginnings(self, topic: str) -> list[TopicPartition]:
        """Return the topic's partitions. One that was made a moment ago is known only in another moment."""
        deadline = time.monotonic() + UNKNOWN_S
        while True:
            found = self._consumer.list_topics(topic, timeout=10).topics[topic]
            if found.error is None and found.partitions:
                return [TopicPartition(topic, number, OFFSET_BEGINNING) for number in found.partitions]
            if time.monotonic() > deadline:
                why = found.error.str() if found.error else "it has no partitions"
                raise UsageError(f"topic {topic} cannot be read ({why}): see semstream topics check")
            time.sleep(0.1)

    def _is_data(self, message: KafkaMessage) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() == KafkaError._PARTITION_EOF:
            return False
        # A topic that the in-process cluster made a moment ago is unknown for another moment.
        if kind_of(error) is Kind.PASSING or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            self._errors.note(error)
            return False
        raise exception_for(error, f"reading {message.topic()}")
