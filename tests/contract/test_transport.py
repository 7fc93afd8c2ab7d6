"""The contract of the Kafka transport, on librdkafka's in-process cluster.

Its transactions mean nothing, so that both or neither happen is shown on a real broker only.
"""

import time
from collections.abc import Callable, Collection, Iterator

import pytest

from streams.adapters.kafka_cluster import CLIENT, InProcessCluster
from streams.adapters.kafka_messages import KafkaPublisher, KafkaReader
from streams.adapters.kafka_transport import KafkaTransport
from streams.ports import Message, Outgoing, Partition

PATIENCE_S = 30


@pytest.fixture(scope="module")
def cluster() -> InProcessCluster:
    return InProcessCluster()


@pytest.fixture
def publisher(cluster: InProcessCluster) -> Iterator[KafkaPublisher]:
    publisher = KafkaPublisher(cluster.bootstrap_servers, client={"log_level": 0})
    yield publisher
    publisher.close()


@pytest.fixture
def member(cluster: InProcessCluster) -> Iterator[Callable[[str], KafkaTransport]]:
    members: list[KafkaTransport] = []

    def join(topic: str, group: str = "group", slot: int = 0) -> KafkaTransport:
        transport = KafkaTransport(
            cluster.bootstrap_servers, f"{group}-{topic}", transactional_id=f"{group}-{topic}-{slot}", client=CLIENT
        )
        transport.held = set()  # type: ignore[attr-defined]
        transport.subscribe(topic, on_assign=transport.held.update, on_revoke=transport.held.difference_update)  # type: ignore[attr-defined]
        members.append(transport)
        return transport

    yield join
    for transport in members:
        transport.close()


def poll_until(transport: KafkaTransport, done: Callable[[list[Message]], bool]) -> list[Message]:
    messages: list[Message] = []
    deadline = time.monotonic() + PATIENCE_S
    while not done(messages):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s; got {len(messages)} messages"
        messages += transport.poll(limit=100, timeout_s=0.1)
    return messages


def events(topic: str, count: int) -> list[Outgoing]:
    return [Outgoing(topic, f"k{n}".encode(), f"v{n}".encode(), [("ce_id", str(n).encode())]) for n in range(count)]


def in_partitions(messages: Collection[Message]) -> dict[Partition, list[int]]:
    found: dict[Partition, list[int]] = {}
    for message in messages:
        found.setdefault(message.partition, []).append(message.offset)
    return found


def test_everything_published_is_polled_once_and_in_order(
    publisher: KafkaPublisher, member: Callable[[str], KafkaTransport]
) -> None:
    publisher.publish(events("once", 50))
    messages = poll_until(member("once"), lambda got: len(got) >= 50)
    assert sorted(message.value or b"" for message in messages) == sorted(e.value for e in events("once", 50))
    for offsets in in_partitions(messages).values():
        assert offsets == list(range(len(offsets)))


def test_keys_headers_and_empty_values_arrive_as_they_were_sent(
    publisher: KafkaPublisher, member: Callable[[str], KafkaTransport]
) -> None:
    headers = [("a", b"1"), ("a", None), ("b", b"")]
    publisher.publish([Outgoing("shape", b"key", b"", headers)])
    (message,) = poll_until(member("shape"), bool)
    assert (message.key, message.value or b"", list(message.headers)) == (b"key", b"", headers)


def test_committed_events_reach_readers(
    cluster: InProcessCluster, publisher: KafkaPublisher, member: Callable[[str], KafkaTransport]
) -> None:
    publisher.publish(events("in", 3))
    transport = member("in")
    messages = poll_until(transport, lambda got: len(got) >= 3)
    positions = {partition: offsets[-1] + 1 for partition, offsets in in_partitions(messages).items()}
    transport.commit(events("out", 3), positions)
    reader = KafkaReader(cluster.bootstrap_servers, ["out"], "reader", client=CLIENT)
    got: list[Message] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(got) < 3 and time.monotonic() < deadline:
        got += reader.poll(limit=10, timeout_s=0.1)
    reader.close()
    assert sorted(message.value or b"" for message in got) == [b"v0", b"v1", b"v2"]


def test_a_paused_member_gets_nothing_until_it_resumes(
    publisher: KafkaPublisher, member: Callable[[str], KafkaTransport]
) -> None:
    publisher.publish(events("pause", 1))
    transport = member("pause")
    poll_until(transport, bool)
    transport.pause()
    publisher.publish(events("pause", 5))
    assert [message for _ in range(5) for message in transport.poll(limit=10, timeout_s=0.05)] == []
    transport.resume()
    assert len(poll_until(transport, lambda got: len(got) >= 5)) == 5


def test_a_second_member_of_the_group_takes_a_share_of_the_partitions(
    publisher: KafkaPublisher, member: Callable[..., KafkaTransport]
) -> None:
    publisher.publish(events("shared", 1))
    first = member("shared")
    poll_until(first, bool)
    second = member("shared", slot=1)
    deadline = time.monotonic() + PATIENCE_S
    while not (first.held and second.held and not first.held & second.held):  # type: ignore[attr-defined]
        assert time.monotonic() < deadline
        first.poll(limit=1, timeout_s=0.05)
        second.poll(limit=1, timeout_s=0.05)
    assert len(first.held | second.held) == 4  # type: ignore[attr-defined]


@pytest.mark.parametrize("wait_s", [0.0, 0.05, 0.2, 0.6])
def test_a_member_may_leave_before_it_ever_polled(member: Callable[..., KafkaTransport], wait_s: float) -> None:
    transport = member(f"leaver-{wait_s}")
    time.sleep(wait_s)
    transport.close()
