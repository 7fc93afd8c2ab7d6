"""What an operator asks of a real cluster."""

import time
from collections.abc import Iterator

import pytest

from streams.adapters.kafka_topics import KafkaTopics
from streams.errors import TransientError, UsageError
from streams.settings import KafkaSettings
from streams.topics import Topic, drift
from tests.kafka_world import PARTITIONS, World, events, poll_until, real_kafka


@pytest.fixture
def real() -> Iterator[World]:
    world = World(real_kafka())
    yield world
    world.close()


@pytest.fixture
def cluster(real: World) -> KafkaTopics:
    return KafkaTopics(real.kafka)


def test_topics_are_created_as_planned_and_once(real: World, cluster: KafkaTopics) -> None:
    wanted = [Topic(real.group(word), 3, 1, {"retention.ms": "3600000", "compression.type": "zstd"}) for word in "ab"]
    names = [topic.name for topic in wanted]
    real.forget_later(*names)
    assert cluster.create(wanted[:1]) == names[:1]
    assert cluster.create(wanted) == names[1:]
    deadline = time.monotonic() + 30
    while len(cluster.found(names)) < 2:
        assert time.monotonic() < deadline
    assert drift(wanted, cluster.found(names)) == []
    assert cluster.found([real.group("c")]) == {}


def test_a_topic_that_the_cluster_will_not_make_is_said(real: World, cluster: KafkaTopics) -> None:
    with pytest.raises(UsageError, match="creating topic"):
        cluster.create([Topic(real.group("a"), 1, 99, {})])


def test_the_lag_counts_messages_and_the_age_of_the_first(real: World, cluster: KafkaTopics) -> None:
    topic, out = real.topic("in"), real.topic("out")
    real.publisher.publish(events(topic, 20))
    member = real.join(topic)
    messages = poll_until(lambda got: len(got) >= 20, member)
    first = messages[0].partition
    member.commit(events(out, 1), [message for message in messages if message.partition == first])
    rows = {row.partition: row for row in cluster.lag("filter", real.group(), topic)}
    assert set(rows) == set(range(PARTITIONS))
    done = rows.pop(first.number)
    assert (done.messages, done.seconds, done.committed) == (0, 0.0, done.end)
    assert sum(row.messages for row in rows.values()) == 20 - done.end
    assert all(row.seconds > 0 for row in rows.values() if row.messages)


def test_who_reads_is_counted_and_a_group_that_is_not_there_has_nobody(real: World, cluster: KafkaTopics) -> None:
    topic = real.topic("in")
    real.publisher.publish(events(topic, 3))
    poll_until(lambda got: len(got) >= 3, real.join(topic))
    assert cluster.readers([real.group(), real.group("absent")]) == {real.group(): 1, real.group("absent"): 0}


def test_markers_of_transactions_are_no_lag(real: World, cluster: KafkaTopics) -> None:
    topic = real.topic("in", partitions=1)
    producer = real.producer("upstream")
    producer.begin_transaction()
    producer.produce(topic, b"aborted")
    producer.flush()
    producer.abort_transaction(30)
    (row,) = cluster.lag("filter", real.group(), topic)
    assert (row.committed, row.messages, row.seconds) == (None, 0, 0.0)
    assert row.end > 0


def test_messages_are_counted_and_not_the_markers_between_them(
    real: World, cluster: KafkaTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = real.topic("in", partitions=1)
    producer = real.producer("upstream")
    for _ in range(3):
        producer.begin_transaction()
        producer.produce(topic, b"one")
        producer.commit_transaction(30)
    (row,) = cluster.lag("filter", real.group(), topic)
    assert (row.messages, row.counted, row.end) == (3, True, 6)
    monkeypatch.setattr("streams.adapters.kafka_unread.COUNTED", 0)
    monkeypatch.setattr("streams.adapters.kafka_unread.FEWEST", 2)
    (row,) = cluster.lag("filter", real.group(), topic)
    assert (row.messages, row.counted) == (5, False)


def test_a_group_reads_on_where_it_is_told_unless_it_lives(real: World, cluster: KafkaTopics) -> None:
    topic = real.topic("in")
    real.publisher.publish(events(topic, 20))
    member = real.join(topic)
    poll_until(lambda _: len(member.held) == PARTITIONS, member)
    with pytest.raises(UsageError, match="has members: stop its workers first"):
        cluster.reset(real.group(), topic, [0], "end")
    member.transport.close()
    ends = {row.partition: row.end for row in cluster.lag("filter", real.group(), topic)}
    assert cluster.reset(real.group(), topic, [0, 1], "end") == {0: ends[0], 1: ends[1]}
    assert cluster.reset(real.group(), topic, [2], "1") == {2: 1}
    assert real.committed(topic) == {0: ends[0], 1: ends[1], 2: 1, 3: 0}
    assert cluster.reset(real.group(), topic, [], "beginning") == dict.fromkeys(range(PARTITIONS), 0)
    with pytest.raises(UsageError, match="has no partition 9; it has 4"):
        cluster.reset(real.group(), topic, [9], "end")
    with pytest.raises(UsageError, match="neither beginning nor end nor an offset"):
        cluster.reset(real.group(), topic, [0], "yesterday")


def test_a_cluster_that_does_not_answer_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.adapters.kafka_admin.REQUEST_S", 0.5)
    with pytest.raises(TransientError, match="reaching the brokers did not succeed"):
        KafkaTopics(KafkaSettings(bootstrap_servers="127.0.0.1:9")).brokers()
