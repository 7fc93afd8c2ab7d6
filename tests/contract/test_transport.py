"""The contract of the Kafka transport, on librdkafka's in-process cluster and on a real broker.

The in-process cluster's transactions mean nothing: what they guarantee is in `test_transactions.py`, on the real one.
"""

import time

import pytest

from streams.transport import Message, Outgoing, Partition
from tests.kafka_world import PARTITIONS, World, events, poll_until, values


def in_partitions(messages: list[Message]) -> dict[Partition, list[int]]:
    found: dict[Partition, list[int]] = {}
    for message in messages:
        found.setdefault(message.partition, []).append(message.offset)
    return found


def test_everything_published_is_polled_once_and_in_order(world: World) -> None:
    topic = world.topic("once")
    world.publisher.publish(events(topic, 50))
    messages = poll_until(lambda got: len(got) >= 50, world.join(topic))
    assert values(messages) == sorted(event.value for event in events(topic, 50))
    for offsets in in_partitions(messages).values():
        assert offsets == list(range(len(offsets)))


def test_keys_headers_and_empty_values_arrive_as_they_were_sent(world: World) -> None:
    topic = world.topic("shape")
    headers = [("a", b"1"), ("a", None), ("b", b"")]
    world.publisher.publish([Outgoing(topic, b"key", b"", headers)])
    (message,) = poll_until(bool, world.join(topic))
    assert (message.key, message.value or b"", list(message.headers)) == (b"key", b"", headers)


def test_committed_events_reach_readers(world: World) -> None:
    topic, out = world.topic("in"), world.topic("out")
    world.publisher.publish(events(topic, 3))
    member = world.join(topic)
    member.commit(events(out, 3), poll_until(lambda got: len(got) >= 3, member))
    assert values(world.read(out, 3)) == [b"v0", b"v1", b"v2"]


def test_a_paused_member_gets_nothing_until_it_resumes(world: World) -> None:
    topic = world.topic("pause")
    world.publisher.publish(events(topic, 1))
    member = world.join(topic)
    poll_until(bool, member)
    member.transport.pause()
    world.publisher.publish(events(topic, 5, first=1))
    assert [message for _ in range(5) for message in member.poll(limit=10, timeout_s=0.05)] == []
    member.transport.resume()
    assert len(poll_until(lambda got: len(got) >= 5, member)) == 5


def test_a_second_member_of_the_group_takes_a_share_of_the_partitions(world: World) -> None:
    topic = world.topic("shared")
    world.publisher.publish(events(topic, 1))
    first = world.join(topic)
    poll_until(bool, first)
    second = world.join(topic)
    poll_until(lambda _: bool(first.held and second.held and not first.held & second.held), first, second)
    assert len(first.held | second.held) == PARTITIONS


def test_partitions_that_come_while_paused_are_paused_and_those_that_come_back_afterwards_are_not(world: World) -> None:
    topic = world.topic("return")
    world.publisher.publish(events(topic, 1))
    first = world.join(topic)
    poll_until(bool, first)
    first.transport.pause()
    second = world.join(topic)
    poll_until(lambda _: bool(second.held) and not first.held & second.held, first, second)
    second.transport.close()
    poll_until(lambda _: len(first.held) == PARTITIONS, first)
    world.publisher.publish(events(topic, 40, first=1))
    assert [message for _ in range(5) for message in first.poll(timeout_s=0.1)] == []
    first.transport.resume()
    got = poll_until(lambda got: {m.value for m in got} >= {b"v%d" % n for n in range(1, 41)}, first)
    assert {message.partition for message in got} == first.held


def test_the_lag_is_what_is_not_yet_committed(world: World) -> None:
    topic, out = world.topic("lag"), world.topic("lag-out")
    world.publisher.publish(events(topic, 20))
    member = world.join(topic)
    messages = poll_until(lambda got: len(got) >= 20, member)
    assert sum(member.transport.lag().values()) == 20
    member.commit(events(out, 1), [message for message in messages if message.offset == 0])
    assert sum(member.transport.lag().values()) == 20 - len(in_partitions(messages))
    member.commit(events(out, 1), messages)
    assert sum(member.transport.lag().values()) == 0


def test_the_lag_grows_while_paused(world: World) -> None:
    topic, out = world.topic("lag-pause"), world.topic("lag-pause-out")
    world.publisher.publish(events(topic, 20))
    member = world.join(topic)
    messages = poll_until(lambda got: len(got) >= 20, member)
    member.commit(events(out, 1), messages)
    member.transport.pause()
    world.publisher.publish(events(topic, 7))
    assert sum(member.transport.lag().values()) == 7


@pytest.mark.parametrize("wait_s", [0.0, 0.05, 0.2, 0.6])
def test_a_member_may_leave_before_it_ever_polled(world: World, wait_s: float) -> None:
    member = world.join(world.topic("leaver"))
    time.sleep(wait_s)
    member.transport.close()
