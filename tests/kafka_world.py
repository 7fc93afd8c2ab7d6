"""A Kafka cluster as tests see it: the in-process one, or the real broker of `make up` with topics of their own."""

import socket
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.adapters.kafka_admin import EARLIEST, KafkaAdmin
from streams.adapters.kafka_client import Options
from streams.adapters.kafka_cluster import READING, InProcessCluster
from streams.adapters.kafka_publisher import KafkaPublisher
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.kafka_seeds import FirstOffsets
from streams.adapters.kafka_transport import KafkaTransport
from streams.errors import TransientError, UsageError
from streams.patience import Patience
from streams.settings import KafkaSettings
from streams.transport import Message, Outgoing, Partition, PartitionsFn, Positions
from tests.dict_seeds import DictSeeds
from tests.services import absent, settings

PATIENCE_S = 60
PARTITIONS = 4


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def real_kafka() -> KafkaSettings:
    """Return the settings of the real broker, which answers."""
    found = settings().kafka
    host, _, port = found.bootstrap_servers.split(",")[0].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        absent(f"no Kafka at {found.bootstrap_servers}: {error}")
    return found


@dataclass
class Joined:
    """A member, and what it was told."""

    transport: KafkaTransport
    held: set[Partition] = field(default_factory=set)
    told: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    at_revoke: PartitionsFn = lambda partitions: None

    def assigned(self, partitions: Collection[Partition]) -> None:
        self._tell("assigned", partitions)
        self.held |= set(partitions)

    def revoked(self, partitions: Collection[Partition]) -> None:
        self._tell("revoked", partitions)
        self.at_revoke(partitions)
        self.held -= set(partitions)

    def lost(self, partitions: Collection[Partition]) -> None:
        self._tell("lost", partitions)
        self.held -= set(partitions)

    def subscribe(self, topic: str) -> None:
        """Join, again while the brokers are not ready, as a crew does: a young cluster loads its coordinators."""
        patience = Patience(PATIENCE_S, threading.Event(), lambda attempt, reason: None)
        patience(
            lambda: self.transport.subscribe(topic, on_assign=self.assigned, on_revoke=self.revoked, on_lost=self.lost)
        )

    def poll(self, *, limit: int = 100, timeout_s: float = 0.1) -> list[Message]:
        return self.transport.poll(limit=limit, timeout_s=timeout_s)

    def commit(self, outgoing: Sequence[Outgoing], messages: Sequence[Message]) -> None:
        """Commit the positions behind messages."""
        self.transport.commit(outgoing, Positions(behind(messages), self.transport.membership()))

    def _tell(self, what: str, partitions: Collection[Partition]) -> None:
        if partitions:
            self.told.append((what, tuple(sorted(partition.number for partition in partitions))))


class World:
    """One cluster with topics, groups and members of one test."""

    def __init__(self, cluster: InProcessCluster | KafkaSettings) -> None:
        self.embedded = isinstance(cluster, InProcessCluster)
        self.kafka = cluster.settings if isinstance(cluster, InProcessCluster) else cluster
        self.seeds = DictSeeds()
        self.publisher = KafkaPublisher(self.kafka)
        self._run = uuid4().hex[:8]
        self._topics: list[str] = []
        self._members: list[Joined] = []
        self.client = AdminClient({"bootstrap.servers": self.kafka.bootstrap_servers, "log_level": 0})

    def topic(self, word: str, *, partitions: int = PARTITIONS) -> str:
        """Return a new topic."""
        name = f"test.{self._run}.{word}"
        if not self.embedded:
            self.client.create_topics([NewTopic(name, partitions, 1)])[name].result(30)
            self._wait_for_leaders(name, partitions)
        self._topics.append(name)
        return name

    def forget_later(self, *topics: str) -> None:
        """Delete topics at the end that somebody else makes."""
        self._topics += topics

    def _wait_for_leaders(self, topic: str, partitions: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                KafkaAdmin(self.kafka).ends(topic, range(partitions), EARLIEST)
            except (TransientError, UsageError):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return

    def group(self, word: str = "group") -> str:
        return f"test.{self._run}.{word}"

    def transport(self, *, slot: str | None = None, options: Options | None = None) -> KafkaTransport:
        if self.embedded:
            return KafkaTransport(
                self.kafka, self.group(), slot=slot, in_doubt_s=0, consumer={**READING, **(options or {})}
            )
        return KafkaTransport(
            self.kafka, self.group(), slot=slot, first_offsets=self.first_offsets(), in_doubt_s=0, consumer=options
        )

    def first_offsets(self) -> FirstOffsets:
        return FirstOffsets(KafkaAdmin(self.kafka), self.group(), self.seeds, now)

    def join(self, topic: str, *, slot: str | None = None, options: Options | None = None) -> Joined:
        """Return a member of the group that was made for this test."""
        joined = Joined(self.transport(slot=slot, options=options))
        self._members.append(joined)
        joined.subscribe(topic)
        return joined

    def producer(self, word: str) -> Producer:
        """Return a foreign transactional producer."""
        settings = {"bootstrap.servers": self.kafka.bootstrap_servers, "transactional.id": self.group(word)}
        producer = Producer({**settings, "log_level": 0})
        producer.init_transactions(30)
        return producer

    def foreign_consumer(self, *, group: str | None = None, topic: str | None = None) -> Consumer:
        """Return a consumer that is none of ours; with a topic, as a member that has joined."""
        settings = {"bootstrap.servers": self.kafka.bootstrap_servers, "group.id": group or self.group("foreign")}
        strategy = {"partition.assignment.strategy": "cooperative-sticky"} if self.is_classic else {}
        protocol = {"group.protocol": self.kafka.group_protocol, "enable.auto.commit": False}
        consumer = Consumer({**settings, **protocol, **strategy, "log_level": 0})
        if topic is not None:
            consumer.subscribe([topic])
            deadline = time.monotonic() + PATIENCE_S
            while not consumer.assignment():
                assert time.monotonic() < deadline
                consumer.poll(0.1)
        return consumer

    def publish_to(self, topic: str, partition: int, value: bytes) -> None:
        """Publish to one partition, as soon as it exists."""
        self._wait_for_leaders(topic, partition + 1)
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap_servers})
        producer.produce(topic, value, partition=partition)
        assert producer.flush(30) == 0

    @property
    def is_classic(self) -> bool:
        return self.kafka.group_protocol == "classic"

    def read(self, topic: str, count: int, *, patience_s: float = PATIENCE_S) -> list[Message]:
        """Return what a reader sees of a topic: so many messages, or all of them when patience ends."""
        reader = KafkaReader(self.kafka, [topic], self.group("reader"), options=READING if self.embedded else None)
        found: list[Message] = []
        deadline = time.monotonic() + patience_s
        while len(found) < count and time.monotonic() < deadline:
            found += reader.poll(limit=100, timeout_s=0.1)
        reader.close()
        return found

    def committed(self, topic: str) -> dict[int, int]:
        return KafkaAdmin(self.kafka).committed(self.group(), topic, range(PARTITIONS))

    def close(self) -> None:
        for member in self._members:
            member.transport.close()
        self.publisher.close()
        if not self.embedded:
            for future in self.client.delete_topics(self._topics).values() if self._topics else ():
                with suppress(KafkaException):
                    future.result(30)
            for future in self.client.delete_consumer_groups([self.group()]).values():
                with suppress(KafkaException):
                    future.result(30)


def events(topic: str, count: int, *, first: int = 0) -> list[Outgoing]:
    numbers = range(first, first + count)
    return [Outgoing(topic, f"k{n}".encode(), f"v{n}".encode(), [("ce_id", str(n).encode())]) for n in numbers]


def behind(messages: Sequence[Message]) -> dict[Partition, int]:
    """Return the positions behind messages."""
    return {message.partition: message.offset + 1 for message in messages}


def poll_until(done: Callable[[list[Message]], bool], *members: Joined) -> list[Message]:
    """Poll members in turn until so much has come."""
    messages: list[Message] = []
    deadline = time.monotonic() + PATIENCE_S
    while not done(messages):
        told = [member.told for member in members]
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s; got {len(messages)} messages; {told}"
        for member in members:
            messages += member.poll(timeout_s=0.1 / len(members))
    return messages


def values(messages: Sequence[Message]) -> list[bytes]:
    return sorted(message.value or b"" for message in messages)
