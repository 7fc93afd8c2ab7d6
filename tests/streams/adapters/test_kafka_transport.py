"""What a transport puts together; what it does is in `tests/contract`."""

from typing import Any

import pytest

from streams.adapters import kafka_member, kafka_transactions
from streams.adapters.kafka_transport import KafkaTransport
from streams.settings import KafkaSettings
from streams.transport import Outgoing, Partition, Positions
from tests.librdkafka import FakeConsumer, FakeProducer

KAFKA = KafkaSettings(bootstrap_servers="nowhere:1")


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_transactions, "Producer", FakeProducer)
    monkeypatch.setattr(kafka_member, "Consumer", FakeConsumer)


def settings_of(transport: KafkaTransport) -> tuple[dict[str, Any], dict[str, Any]]:
    consumer: Any = transport._member._consumer
    producer: Any = transport._transactions._producer
    return consumer.settings, producer.settings


def test_a_slot_gives_a_process_the_same_identity_in_every_life() -> None:
    lives = [settings_of(KafkaTransport(KAFKA, "filter", slot="3")) for _ in range(2)]
    assert [consumer["group.instance.id"] for consumer, _ in lives] == ["3", "3"]
    assert [producer["transactional.id"] for _, producer in lives] == ["filter-3", "filter-3"]


def test_without_a_slot_every_process_is_another() -> None:
    lives = [settings_of(KafkaTransport(KAFKA, "filter")) for _ in range(2)]
    assert all("group.instance.id" not in consumer for consumer, _ in lives)
    first, second = [producer["transactional.id"] for _, producer in lives]
    assert first.startswith("filter-")
    assert first != second


def test_a_predecessor_is_fenced_before_the_group_is_joined() -> None:
    transport = KafkaTransport(KAFKA, "filter", slot="3")
    consumer: Any = transport._member._consumer
    producer: Any = transport._transactions._producer
    joined: list[bool] = []
    consumer.at_subscribe = lambda: joined.append("init_transactions" in producer.calls)
    transport.subscribe("in", on_assign=lambda _: None, on_revoke=lambda _: None, on_lost=lambda _: None)
    assert joined == [True]
    transport.close()


def test_positions_are_committed_under_the_membership_they_come_with() -> None:
    transport = KafkaTransport(KAFKA, "filter")
    producer: Any = transport._transactions._producer
    transport.poll(limit=1, timeout_s=0)
    old = transport.membership()
    transport._member.membership = "the next one"
    transport.commit([Outgoing("out", b"k", b"v", ())], Positions({Partition("in", 0): 1}, old))
    assert producer.arguments["send_offsets_to_transaction"][1] == old == "metadata"
