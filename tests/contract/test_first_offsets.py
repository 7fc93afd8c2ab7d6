"""Where a group begins to read, on a real broker: from the oldest message, and lost offsets are loud."""

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import NewPartitions

from streams.errors import UsageError
from streams.transport import Outgoing
from tests.contract.actor import answers
from tests.kafka_world import PARTITIONS, World, events, poll_until, values


def test_a_new_group_reads_from_the_oldest_message_and_that_is_written_down(real: World) -> None:
    topic = real.topic("in")
    real.publisher.publish(events(topic, 10))
    assert len(poll_until(lambda got: len(got) >= 10, real.join(topic))) == 10
    assert real.seeds.seeded(real.group(), topic) == dict.fromkeys(range(PARTITIONS), 0)


def test_messages_that_were_deleted_before_the_first_start_are_not_missed(real: World) -> None:
    topic = real.topic("in", partitions=1)
    real.publisher.publish(events(topic, 10))
    real.client.delete_records([TopicPartition(topic, 0, 4)])
    assert len(poll_until(lambda got: len(got) >= 6, real.join(topic))) == 6
    assert real.seeds.seeded(real.group(), topic) == {0: 4}


def test_a_group_goes_on_where_it_was(real: World) -> None:
    topic, out = real.topic("in"), real.topic("out")
    real.publisher.publish(events(topic, 5))
    first = real.join(topic)
    messages = poll_until(lambda got: len(got) >= 5, first)
    first.commit(answers(out, messages), messages)
    first.transport.close()
    real.publisher.publish(events(topic, 3, first=5))
    assert values(poll_until(lambda got: len(got) >= 3, real.join(topic))) == [b"v5", b"v6", b"v7"]


def test_offsets_that_are_gone_are_loud_and_the_message_says_what_to_do(real: World) -> None:
    topic = real.topic("in")
    first = real.join(topic)
    poll_until(lambda _: len(first.held) == PARTITIONS, first)
    first.transport.close()
    real.client.delete_consumer_groups([real.group()])[real.group()].result(30)
    with pytest.raises(UsageError, match=r"has lost its offsets in .*partitions 0,1,2,3: .*semstream topics reset"):
        real.join(topic)


def test_a_group_that_lost_its_place_while_it_reads_is_loud(real: World) -> None:
    topic = real.topic("in", partitions=1)
    real.publisher.publish(events(topic, 10))
    first = real.join(topic)
    poll_until(lambda got: len(got) >= 10, first)
    first.transport.close()
    real.client.delete_records([TopicPartition(topic, 0, 8)])[TopicPartition(topic, 0)].result(30)
    with pytest.raises(UsageError, match=r"has lost its offsets in .*partitions 0: "):
        poll_until(bool, real.join(topic))


def test_offsets_that_exist_are_adopted(real: World) -> None:
    topic, out = real.topic("in"), real.topic("out")
    real.publisher.publish(events(topic, 8))
    first = real.join(topic)
    messages = poll_until(lambda got: len(got) >= 8, first)
    first.commit(answers(out, messages), messages)
    first.transport.close()
    positions = real.committed(topic)
    real.seeds.rows.clear()
    real.first_offsets().prepare(topic)
    assert real.seeds.seeded(real.group(), topic) == positions
    assert sum(positions.values()) == 8


def test_a_partition_that_is_added_while_the_group_reads_is_read_from_its_beginning(real: World) -> None:
    topic = real.topic("in", partitions=1)
    member = real.join(topic, options={"topic.metadata.refresh.interval.ms": 500})
    poll_until(lambda _: len(member.held) == 1, member)
    real.client.create_partitions([NewPartitions(topic, 3)])[topic].result(30)
    real.publish_to(topic, 2, b"new")
    assert values(poll_until(bool, member)) == [b"new"]
    assert set(real.seeds.seeded(real.group(), topic)) == {0, 1, 2}
    assert set(real.committed(topic)) == {0, 1, 2}


def test_a_group_that_lives_already_is_joined_although_nothing_is_written_down(real: World) -> None:
    """The first members start at the same moment: the offsets that one sets are refused to the others."""
    topic = real.topic("in")
    first = real.join(topic)
    poll_until(lambda _: len(first.held) == PARTITIONS, first)
    real.seeds.rows.clear()
    second = real.join(topic)
    poll_until(lambda _: bool(second.held) and not first.held & second.held, first, second)
    real.publisher.publish(events(topic, 20))
    assert len(poll_until(lambda got: len(got) >= 20, first, second)) == 20


def test_a_live_group_without_offsets_gets_them_from_whoever_is_assigned(real: World) -> None:
    topic = real.topic("in")
    foreign = real.foreign_consumer(group=real.group(), topic=topic)
    member = real.join(topic)
    poll_until(lambda _: foreign.poll(0.05) is None and bool(member.held), member)
    foreign.close()
    poll_until(lambda _: len(member.held) == PARTITIONS, member)
    real.publisher.publish([Outgoing(topic, b"k%d" % n, b"v%d" % n, ()) for n in range(20)])
    assert len(poll_until(lambda got: len(got) >= 20, member)) == 20
    assert set(real.committed(topic)) == set(range(PARTITIONS))


def test_a_topic_that_does_not_exist_is_said_before_anything_is_done(real: World) -> None:
    with pytest.raises(UsageError, match="semstream topics create"):
        real.join(real.group("no-topic"))
