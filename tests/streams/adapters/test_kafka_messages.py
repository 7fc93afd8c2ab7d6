from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.adapters.kafka_messages import KafkaPublisher, is_data
from streams.errors import TransientError
from streams.ports import Outgoing
from tests.librdkafka import FakeMessage, FakeProducer

EVENT = Outgoing("out", b"k", b"v", [("a", b"b")])


def test_a_publisher_tells_what_was_not_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(FakeProducer):
        def produce(self, *_: object, on_delivery: Callable[..., None], **__: object) -> None:
            on_delivery(KafkaError(KafkaError.NOT_ENOUGH_REPLICAS, "too few replicas"), None)

        def flush(self, timeout_s: float) -> int:
            return 0

    monkeypatch.setattr("streams.adapters.kafka_messages.Producer", Refusing)
    publisher = KafkaPublisher("nowhere:1")
    for _ in range(2):
        with pytest.raises(TransientError, match=r"1 events were not published \(too few replicas\); check"):
            publisher.publish([EVENT])


def test_a_publisher_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(FakeProducer):
        def flush(self, timeout_s: float) -> int:
            return 1

    monkeypatch.setattr("streams.adapters.kafka_messages.Producer", Silent)
    with pytest.raises(TransientError, match="no acknowledgement within 60 s"):
        KafkaPublisher("nowhere:1").publish([EVENT])


def test_an_error_may_be_passed_over_for_one_reader_and_not_for_another() -> None:
    message: Any = FakeMessage(error=KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
    assert not is_data(message, passing={KafkaError.UNKNOWN_TOPIC_OR_PART})
    with pytest.raises(KafkaException):
        is_data(message)
