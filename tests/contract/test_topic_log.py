"""The one contract of every topic log: in memory, and on the real broker."""

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.adapters.kafka_log import KafkaLog
from streams.errors import TransientError, UsageError
from streams.topic_log import TopicLog, message_at, milliseconds, stamped
from streams.transport import Message, Outgoing
from tests.events import NOON
from tests.memory_log import MemoryLog
from tests.services import absent, settings

STEP = timedelta(minutes=10)


class World(Protocol):
    """A log, and the means to fill its topics."""

    @property
    def log(self) -> TopicLog: ...

    def topic(self, word: str) -> str: ...

    def send(self, events: Sequence[Outgoing], *, at: datetime = NOON, ends: str = "commit") -> None: ...

    def commit_offsets(self, group: str, topic: str, offsets: dict[int, int]) -> None: ...

    def close(self) -> None: ...


class MemoryWorld:
    def __init__(self) -> None:
        self.log = MemoryLog()

    def topic(self, word: str) -> str:
        self.log.create(word)
        return word

    def send(self, events: Sequence[Outgoing], *, at: datetime = NOON, ends: str = "commit") -> None:
        self.log.now = lambda: at
        self.log.transaction(events, committed=ends == "commit")

    def commit_offsets(self, group: str, topic: str, offsets: dict[int, int]) -> None:
        self.log.group_offsets[group, topic] = offsets

    def close(self) -> None:
        pass


class KafkaWorld:
    def __init__(self, *, open_s: float = 30) -> None:
        kafka = settings().kafka
        host, _, port = kafka.bootstrap_servers.split(",")[0].rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as error:
            absent(f"no Kafka at {kafka.bootstrap_servers}: {error}")
        self.log = KafkaLog(kafka, open_s=open_s)
        self._run = f"test.{uuid4().hex[:8]}"
        self._client: dict[str, str | int | float | bool] = {
            "bootstrap.servers": kafka.bootstrap_servers,
            "log_level": 0,
        }
        self._admin = AdminClient(self._client)
        self._topics: list[str] = []
        self._producer = self._transactional("a")

    def topic(self, word: str) -> str:
        name = f"{self._run}.{word}"
        self._admin.create_topics([NewTopic(name, 2, 1)])[name].result(30)
        self._topics.append(name)
        self._wait_for_leaders(name)
        return name

    def send(self, events: Sequence[Outgoing], *, at: datetime = NOON, ends: str = "commit") -> None:
        producer = self._transactional(uuid4().hex) if ends == "never" else self._producer
        producer.begin_transaction()
        for event in events:
            producer.produce(
                event.topic, event.value, event.key, headers=list(event.headers), timestamp=milliseconds(at)
            )
        producer.flush(30)
        if ends == "commit":
            producer.commit_transaction(30)
        elif ends == "abort":
            producer.abort_transaction(30)
        else:
            self._open = producer

    def commit_offsets(self, group: str, topic: str, offsets: dict[int, int]) -> None:
        places = [TopicPartition(topic, number, offset) for number, offset in offsets.items()]
        wanted = [ConsumerGroupTopicPartitions(group, places)]
        self._admin.alter_consumer_group_offsets(wanted)[group].result(30)

    def _wait_for_leaders(self, topic: str) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                self.log.extent(topic)
            except (TransientError, UsageError):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return

    def close(self) -> None:
        self.log.close()
        for future in self._admin.delete_topics(self._topics).values() if self._topics else ():
            with suppress(KafkaException):
                future.result(30)

    def _transactional(self, word: str) -> Producer:
        producer = Producer({**self._client, "transactional.id": f"{self._run}.{word}"})
        producer.init_transactions(30)
        return producer


@pytest.fixture(params=[MemoryWorld, KafkaWorld], ids=["memory", "kafka"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    world = request.param()
    yield world
    world.close()


def events(topic: str, count: int, *, first: int = 0) -> list[Outgoing]:
    numbers = range(first, first + count)
    return [Outgoing(topic, f"k{n}".encode(), f"v{n}".encode(), [("ce_id", str(n).encode())]) for n in numbers]


def values(messages: Sequence[Message]) -> list[int]:
    return sorted(int((message.value or b"")[1:]) for message in messages)


def read(world: World, topic: str) -> list[Message]:
    return list(world.log.read(topic, world.log.extent(topic)))


def test_everything_committed_is_read_once_with_each_partition_in_order(world: World) -> None:
    topic = world.topic("all")
    for batch in range(4):
        world.send(events(topic, 25, first=25 * batch))
    found = read(world, topic)
    assert values(found) == list(range(100))
    for number in (0, 1):
        offsets = [message.offset for message in found if message.partition.number == number]
        assert offsets
        assert offsets == sorted(offsets)
    assert found[0].key is not None
    assert dict(found[0].headers)["ce_id"] == (found[0].value or b"")[1:]


def test_what_was_aborted_is_not_read_and_its_marks_end_no_read_early_or_late(world: World) -> None:
    topic = world.topic("aborted")
    world.send(events(topic, 10, first=900), ends="abort")
    world.send(events(topic, 10))
    world.send(events(topic, 30, first=900), ends="abort")
    assert values(read(world, topic)) == list(range(10))


def test_a_topic_of_aborted_messages_alone_and_an_empty_one_are_read_to_their_end(world: World) -> None:
    topic = world.topic("empty")
    assert read(world, topic) == []
    world.send(events(topic, 10), ends="abort")
    assert read(world, topic) == []


def test_a_read_ends_where_the_topic_ended_when_its_extent_was_asked_for(world: World) -> None:
    topic = world.topic("ending")
    world.send(events(topic, 10))
    extent = world.log.extent(topic)
    world.send(events(topic, 10, first=10))
    assert values(list(world.log.read(topic, extent))) == list(range(10))


def test_a_read_may_be_given_up_and_begun_again(world: World) -> None:
    topic = world.topic("again")
    world.send(events(topic, 50))
    reading = world.log.read(topic, world.log.extent(topic))
    assert next(reading).partition.topic == topic
    reading.close()  # type: ignore[attr-defined]
    assert len(read(world, topic)) == 50


def test_messages_are_found_by_when_they_were_stamped_in_whatever_order(world: World) -> None:
    topic = world.topic("times")
    now = datetime.now(UTC)  # Kafka refuses stamps an hour ahead, and stamps a transaction's mark itself
    for ten_minutes, first in ((0, 0), (3, 10), (1, 20), (5, 30)):
        world.send(events(topic, 10, first=first), at=now + ten_minutes * STEP)
    found = list(stamped(world.log, topic, since=now + STEP, until=now + 4 * STEP))
    assert values(found) == list(range(10, 30))
    assert values(list(stamped(world.log, topic, since=now + 4 * STEP))) == list(range(30, 40))
    assert list(stamped(world.log, topic, since=now + 9 * STEP)) == []
    assert list(stamped(world.log, topic, until=now - 12 * STEP)) == []


def test_one_message_is_found_by_its_place_and_none_in_the_place_of_a_mark(world: World) -> None:
    topic = world.topic("place")
    world.send(events(topic, 4))
    for message in read(world, topic):
        assert message_at(world.log, topic, message.partition.number, message.offset) == message
    ends = {number: offsets.stop for number, offsets in world.log.extent(topic).items()}
    for number, end in ends.items():
        assert message_at(world.log, topic, number, end - 1) is None
        assert message_at(world.log, topic, number, end) is None
    assert message_at(world.log, topic, 7, 0) is None


def test_messages_that_were_deleted_are_no_longer_there(world: World) -> None:
    topic = world.topic("deleted")
    world.send(events(topic, 20))
    kept = [message for message in read(world, topic) if message.partition.number == 0][3:]
    world.log.delete_before(topic, {0: kept[0].offset})
    assert [message for message in read(world, topic) if message.partition.number == 0] == kept
    assert message_at(world.log, topic, 0, 0) is None
    world.log.delete_before(topic, {})


def test_it_tells_where_a_group_stands(world: World) -> None:
    topic = world.topic("group")
    world.send(events(topic, 20))
    group = f"{topic}.group"
    assert world.log.committed(group, topic) == {}
    world.commit_offsets(group, topic, {1: 2})
    assert world.log.committed(group, topic) == {1: 2}


def test_a_topic_that_does_not_exist_is_named(world: World) -> None:
    with pytest.raises(UsageError, match=r"sem\.nowhere"):
        world.log.extent("sem.nowhere")


def test_what_an_open_transaction_holds_back_is_beyond_the_end() -> None:
    world = KafkaWorld(open_s=0.1)
    topic = world.topic("open")
    world.send(events(topic, 10))
    world.send(events(topic, 10, first=10), ends="never")
    world.send(events(topic, 10, first=20))
    assert values(read(world, topic)) == list(range(10))
    world._open.abort_transaction(30)
    world.close()
