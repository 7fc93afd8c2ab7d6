"""How librdkafka's errors are mapped; what every transport does is in `tests/contract/test_transport.py`."""

from collections.abc import Collection
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams.adapters import kafka_transport
from streams.adapters.kafka_transport import KafkaTransport
from streams.errors import TransientError
from streams.ports import Outgoing, Partition
from tests.librdkafka import FakeConsumer, FakeMessage, FakeProducer

P0 = Partition("in", 0)
EVENT = Outgoing("out", b"k", b"v", [("a", b"b")])


def failure(code: int, **properties: bool) -> KafkaException:
    return KafkaException(KafkaError(code, "because", **properties))


@pytest.fixture
def transport(monkeypatch: pytest.MonkeyPatch) -> KafkaTransport:
    monkeypatch.setattr(kafka_transport, "Producer", FakeProducer)
    monkeypatch.setattr(kafka_transport, "Consumer", FakeConsumer)
    return KafkaTransport("nowhere:1", "filter", transactional_id="filter-1", client={"fetch.wait.max.ms": 10})


def producer_of(transport: KafkaTransport) -> FakeProducer:
    producer: Any = transport._producer
    producer.calls.clear()
    return producer  # type: ignore[no-any-return]


def consumer_of(transport: KafkaTransport) -> FakeConsumer:
    return transport._consumer  # type: ignore[return-value]


def test_the_clients_are_set_up_for_exactly_once(transport: KafkaTransport) -> None:
    consumer, producer = consumer_of(transport).settings, producer_of(transport).settings
    assert consumer["isolation.level"] == "read_committed"
    assert consumer["auto.offset.reset"] == "error"
    assert (consumer["enable.auto.commit"], consumer["enable.auto.offset.store"]) == (False, False)
    assert (consumer["group.id"], consumer["group.protocol"]) == ("filter", "consumer")
    assert (producer["transactional.id"], producer["compression.type"]) == ("filter-1", "zstd")
    assert "fetch.wait.max.ms" not in producer


def test_events_and_positions_go_out_in_one_transaction(transport: KafkaTransport) -> None:
    producer = producer_of(transport)
    transport.commit([EVENT, EVENT], {P0: 2})
    assert producer.calls == [
        "begin_transaction",
        "produce",
        "produce",
        "send_offsets_to_transaction",
        "commit_transaction",
    ]


@pytest.mark.parametrize("call", ["produce", "send_offsets_to_transaction", "commit_transaction"])
def test_a_refused_transaction_is_aborted_and_may_be_tried_again(transport: KafkaTransport, call: str) -> None:
    producer = producer_of(transport)
    producer.failures = [(call, failure(KafkaError.ILLEGAL_GENERATION, txn_requires_abort=True))]
    with pytest.raises(TransientError, match=r"refused a transaction \(because\)"):
        transport.commit([EVENT], {P0: 1})
    assert producer.calls[-1] == "abort_transaction"
    transport.commit([EVENT], {P0: 1})


@pytest.mark.parametrize("call", ["commit_transaction", "abort_transaction"])
def test_a_call_that_may_be_repeated_is_repeated_by_itself(transport: KafkaTransport, call: str) -> None:
    producer = producer_of(transport)
    passing = (call, failure(KafkaError._TRANSPORT, retriable=True))
    refused = ("send_offsets_to_transaction", failure(KafkaError.UNKNOWN_MEMBER_ID, txn_requires_abort=True))
    producer.failures = [passing, passing] if call == "commit_transaction" else [refused, passing, passing]
    if call == "commit_transaction":
        transport.commit([EVENT], {P0: 1})
    else:
        with pytest.raises(TransientError):
            transport.commit([EVENT], {P0: 1})
    assert producer.calls.count(call) == 3


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("begin_transaction", failure(KafkaError._FENCED, fatal=True)),
        ("commit_transaction", failure(KafkaError._FENCED, fatal=True)),
        ("send_offsets_to_transaction", failure(KafkaError._TRANSPORT, retriable=True)),
    ],
)
def test_a_fenced_or_hopeless_transaction_ends_the_process(
    transport: KafkaTransport, call: str, error: KafkaException
) -> None:
    producer = producer_of(transport)
    producer.failures = [(call, error)]
    with pytest.raises(KafkaException):
        transport.commit([EVENT], {P0: 1})
    assert "abort_transaction" not in producer.calls


def test_a_poll_takes_one_message_and_what_else_has_arrived(transport: KafkaTransport) -> None:
    consumer = consumer_of(transport)
    consumer.messages = [FakeMessage(n) for n in range(5)]
    assert [message.offset for message in transport.poll(limit=3, timeout_s=0)] == [0, 1, 2]
    assert [message.offset for message in transport.poll(limit=1, timeout_s=0)] == [3]
    assert transport.poll(limit=3, timeout_s=0)[0].timestamp_ms == 5
    assert transport.poll(limit=3, timeout_s=0) == []


@pytest.mark.parametrize("code", [KafkaError._PARTITION_EOF, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN])
def test_a_passing_error_among_messages_is_passed_over(transport: KafkaTransport, code: int) -> None:
    consumer_of(transport).messages = [FakeMessage(0), FakeMessage(error=KafkaError(code)), FakeMessage(1)]
    assert [message.offset for message in transport.poll(limit=10, timeout_s=0)] == [0, 1]


@pytest.mark.parametrize(
    "code",
    [
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError._FATAL,
        KafkaError._MAX_POLL_EXCEEDED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
    ],
)
def test_lost_offsets_and_other_lasting_errors_are_loud(transport: KafkaTransport, code: int) -> None:
    consumer_of(transport).messages = [FakeMessage(error=KafkaError(code))]
    with pytest.raises(KafkaException):
        transport.poll(limit=10, timeout_s=0)


def test_partitions_are_announced_before_they_are_fetched_and_never_stay_paused(transport: KafkaTransport) -> None:
    consumer = consumer_of(transport)
    heard: list[Collection[Partition]] = []
    transport.subscribe("in", on_assign=heard.append, on_revoke=heard.append)
    partitions = [TopicPartition("in", 0), TopicPartition("in", 1)]
    consumer.callbacks["on_assign"](consumer, partitions)
    assert heard == [[P0, Partition("in", 1)]]
    assert [name for name, _ in consumer.calls] == ["incremental_assign", "resume", "metadata"]


@pytest.mark.parametrize("callback", ["on_revoke", "on_lost"])
def test_the_group_s_metadata_is_fresh_before_work_is_finished_and_partitions_are_given_up_after(
    transport: KafkaTransport, callback: str
) -> None:
    consumer = consumer_of(transport)
    transport.subscribe("in", on_assign=lambda _: None, on_revoke=lambda _: consumer.calls.append(("finish", None)))
    consumer.callbacks[callback](consumer, [TopicPartition("in", 0)])
    assert [name for name, _ in consumer.calls] == ["metadata", "finish", "incremental_unassign"]
