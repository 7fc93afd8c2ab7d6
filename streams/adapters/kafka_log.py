"""Apache Kafka's topics as they stand, by a consumer that is no group's member."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from confluent_kafka import Consumer, IsolationLevel, KafkaError, TopicPartition
from confluent_kafka import Message as KafkaMessage
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from streams.adapters.kafka_admin import EARLIEST, LATEST, REQUEST_S, KafkaAdmin
from streams.adapters.kafka_client import Configuration, connection, made
from streams.adapters.kafka_errors import ClientErrors, Kind, exception_for, kind_of
from streams.adapters.kafka_messages import to_message
from streams.errors import TransientError
from streams.settings import KafkaSettings
from streams.topic_log import Extent, milliseconds
from streams.transport import Message

READER: Configuration = {
    "group.id": "semstream-log",  # librdkafka wants a name; nothing is committed under it
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "fetch.wait.max.ms": 100,
    "fetch.message.max.bytes": 262_144,  # of each partition at a time, as compressed: it may be fifty times as much
    "queued.max.messages.kbytes": 16_384,
    "max.poll.interval.ms": 86_400_000,  # whoever reads may take its time; a day is the most there is
}
BATCH = 500
SILENCE_S = 60.0
"""So long a read may bring nothing before it gives up."""
OPEN_S = 5.0
"""So long an extent waits for open transactions: a worker's lasts milliseconds, a dead one's half a minute."""


class KafkaLog:
    """Reads stretches of topics, read committed."""

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        open_s: float = OPEN_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._kafka = kafka
        self._admin = KafkaAdmin(kafka)
        self._open_s = open_s
        self._clock = clock
        self._sleep = sleep

    def extent(self, topic: str, *, since: datetime | None = None, until: datetime | None = None) -> dict[int, range]:
        """Ask the brokers."""
        partitions = self._admin.partitions(topic)
        ends = self._stable_ends(topic, partitions)
        starts = self._admin.ends(topic, partitions, EARLIEST)
        if until is not None:
            ends = {**ends, **self._first_stamped(topic, partitions, until)}
        if since is not None:
            starts = {**ends, **self._first_stamped(topic, partitions, since)}
        return {number: range(starts[number], max(starts[number], ends[number])) for number in partitions}

    def read(self, topic: str, extent: Extent) -> Iterator[Message]:
        """Assign the partitions and read each up to its end.

        The end may be a transaction's mark, which is never handed out: what ends a partition is a message or the
        partition's end at that offset or beyond.
        """
        ends = {number: offsets.stop for number, offsets in extent.items() if offsets}
        if not ends:
            return
        errors = ClientErrors()
        consumer = made(Consumer, {**connection(self._kafka), **READER}, errors)
        try:
            consumer.assign([TopicPartition(topic, number, extent[number].start) for number in ends])
            while ends:
                for found in self._batch(consumer, topic, errors):
                    is_data, number, offset = _is_data(found, topic), found.partition(), found.offset()
                    if number not in ends or offset is None:
                        continue
                    if is_data and offset < ends[number]:
                        yield to_message(found)
                        offset += 1
                    if offset >= ends[number]:
                        del ends[number]
                        consumer.pause([TopicPartition(topic, number)])
        finally:
            consumer.close()

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """Ask the group's coordinator, which answers when no transaction with offsets of the group is open.

        A commit that has returned may be open there for some milliseconds more.
        """
        numbers = self._admin.partitions(topic)
        deadline = self._clock() + self._open_s
        while True:
            try:
                return self._admin.committed(group, topic, numbers)
            except TransientError:
                if self._clock() > deadline:
                    raise
            self._sleep(0.1)

    def delete_before(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Ask the partitions' leaders."""
        wanted = [TopicPartition(topic, number, offset) for number, offset in offsets.items()]
        for answer in self._admin.client.delete_records(wanted, request_timeout=REQUEST_S).values() if wanted else ():
            self._admin.wait(answer, f"deleting messages of {topic}")

    def close(self) -> None:
        """Nothing is held between calls but the administrator's connection, which ends with this object."""

    def _stable_ends(self, topic: str, partitions: list[int]) -> dict[int, int]:
        """Return the offsets before which every transaction has ended.

        A transaction's mark reaches the partitions after its commit has returned. So those that are open at the moment
        are waited for: what a group's committed offset stands for is then to be read.
        """
        wanted = self._high_watermarks(topic, partitions)
        deadline = self._clock() + self._open_s
        while True:
            ends = self._admin.ends(topic, partitions, LATEST)
            if all(ends[number] >= wanted[number] for number in partitions) or self._clock() > deadline:
                return ends
            self._sleep(0.02)

    def _high_watermarks(self, topic: str, partitions: list[int]) -> dict[int, int]:
        places = {TopicPartition(topic, number): LATEST for number in partitions}
        level = IsolationLevel.READ_UNCOMMITTED
        asked = self._admin.client.list_offsets(places, isolation_level=level, request_timeout=REQUEST_S)
        return {p.partition: self._admin.wait(a, f"reading the ends of {topic}").offset for p, a in asked.items()}

    def _first_stamped(self, topic: str, partitions: list[int], time: datetime) -> dict[int, int]:
        found = self._admin.ends(topic, partitions, OffsetSpec.for_timestamp(max(0, milliseconds(time))))
        return {number: offset for number, offset in found.items() if offset >= 0}

    def _batch(self, consumer: Consumer, topic: str, errors: ClientErrors) -> list[KafkaMessage]:
        """Wait for one message or end, then take what else has arrived: ``consume(n, timeout)`` would wait to fill."""
        deadline = self._clock() + SILENCE_S
        while (first := consumer.poll(1.0)) is None:
            errors.check(f"reading {topic}")
            if self._clock() > deadline:
                raise TransientError(f"reading {topic} brought nothing for {SILENCE_S:.0f} s; check the brokers")
        return [first, *consumer.consume(BATCH, 0)]


def _is_data(found: KafkaMessage, topic: str) -> bool:
    """Whether it is a message; False for the end of a partition and for what librdkafka gets over by itself."""
    error = found.error()
    if error is None:
        return True
    if error.code() == KafkaError._AUTO_OFFSET_RESET:
        raise TransientError(f"{topic} lost messages while it was read: they expired or were deleted; read again")
    if kind_of(error) is Kind.PASSING:
        return False
    raise exception_for(error, f"reading {topic}")
