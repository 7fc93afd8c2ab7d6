from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError

from streams.adapters.kafka_client import MAX_MESSAGE_BYTES
from streams.adapters.kafka_publisher import KafkaPublisher
from streams.errors import InvalidImage, TransientError, UsageError
from streams.settings import KafkaSettings
from streams.transport import Outgoing
from tests.librdkafka import FakeProducer

EVENT = Outgoing("out", b"k", b"v", [("a", b"b")])
KAFKA = KafkaSettings(bootstrap_servers="nowhere:1")


class Answering(FakeProducer):
    """Answers every event with the next error, at the flush."""

    errors: "list[KafkaError | None]" = []  # noqa: RUF012 - set by each test
    made = 0

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(settings)
        self.callbacks: list[Callable[..., None]] = []
        self.full = 0
        Answering.made += 1

    def produce(self, *_: object, on_delivery: Callable[..., None], **__: object) -> None:
        if self.full:
            self.full -= 1
            raise BufferError
        self.callbacks.append(on_delivery)

    def flush(self, timeout_s: float) -> int:
        for callback in self.callbacks:
            callback(Answering.errors.pop(0) if Answering.errors else None, None)
        self.callbacks.clear()
        return 0


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> KafkaPublisher:
    monkeypatch.setattr("streams.adapters.kafka_publisher.Producer", Answering)
    Answering.errors, Answering.made = [], 0
    return KafkaPublisher(KAFKA)


@pytest.mark.parametrize(
    ("code", "raised", "message"),
    [
        (KafkaError.NOT_ENOUGH_REPLICAS, TransientError, r"2 events did not succeed \(because\); check the brokers"),
        (KafkaError._MSG_TIMED_OUT, TransientError, "because"),
        (KafkaError._PURGE_QUEUE, TransientError, "because"),
        (KafkaError._UNKNOWN_TOPIC, UsageError, "semstream topics create"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, UsageError, "because"),
        (KafkaError.MSG_SIZE_TOO_LARGE, InvalidImage, "larger than Kafka takes"),
    ],
)
def test_what_was_not_acknowledged_is_told_once(
    publisher: KafkaPublisher, code: int, raised: type[Exception], message: str
) -> None:
    Answering.errors = [KafkaError(code, "because"), KafkaError(code, "because")]
    with pytest.raises(raised, match=message):
        publisher.publish([EVENT, EVENT])
    publisher.publish([EVENT])


def test_a_producer_that_is_of_no_more_use_is_replaced(publisher: KafkaPublisher) -> None:
    Answering.errors = [KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, fatal=True)]
    with pytest.raises(TransientError):
        publisher.publish([EVENT])
    assert Answering.made == 2
    publisher.publish([EVENT])


def test_a_publisher_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(FakeProducer):
        def flush(self, timeout_s: float) -> int:
            return 1

    monkeypatch.setattr("streams.adapters.kafka_publisher.Producer", Silent)
    with pytest.raises(TransientError, match="no acknowledgement within 60 s"):
        KafkaPublisher(KAFKA).publish([EVENT])


def test_a_full_queue_is_waited_for(publisher: KafkaPublisher) -> None:
    producer: Any = publisher._producer
    producer.full = 3
    publisher.publish([EVENT, EVENT])
    assert producer.calls.count("poll") == 3


def test_an_event_that_is_too_large_is_the_fault_of_its_image_and_nothing_is_sent(publisher: KafkaPublisher) -> None:
    with pytest.raises(InvalidImage, match=f"{MAX_MESSAGE_BYTES} can travel"):
        publisher.publish([EVENT, Outgoing("out", b"k", bytes(MAX_MESSAGE_BYTES), ())])
    producer: Any = publisher._producer
    assert producer.callbacks == []
