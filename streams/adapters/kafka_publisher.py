"""Publishing outside any transaction: feeds, agents and tools."""

from collections.abc import Iterable

from confluent_kafka import KafkaError, Producer

from streams.adapters.kafka_client import MAX_MESSAGE_BYTES, Options, made, producer_configuration
from streams.adapters.kafka_errors import ClientErrors, Kind, exception_for, kind_of
from streams.errors import InvalidImage, TransientError
from streams.settings import KafkaSettings
from streams.transport import Outgoing

PATIENCE_S = 60
"""How long an event may wait for its acknowledgement."""


class KafkaPublisher:
    """An idempotent producer with ``acks=all``; not for several threads at a time."""

    def __init__(self, kafka: KafkaSettings, *, options: Options | None = None) -> None:
        patience = {"message.timeout.ms": 1000 * PATIENCE_S}
        self._configuration = producer_configuration(kafka, options={**patience, **(options or {})})
        self._errors = ClientErrors()
        self._failures: list[KafkaError] = []
        self._producer = made(Producer, self._configuration, self._errors)

    def publish(self, events: Iterable[Outgoing]) -> None:
        """Publish and wait for every acknowledgement."""
        wanted = list(events)
        for event in wanted:
            if event.size_bytes > MAX_MESSAGE_BYTES:
                raise InvalidImage(f"its event has {event.size_bytes} bytes; {MAX_MESSAGE_BYTES} can travel")
        for event in wanted:
            self._produce(event)
        left = self._producer.flush(PATIENCE_S + 10)
        failures, self._failures = self._failures, []
        if left or failures:
            raise self._failure(failures, left)

    def close(self) -> None:
        """Send what is left."""
        self._producer.flush(10)

    def _produce(self, event: Outgoing) -> None:
        while True:
            try:
                self._producer.produce(
                    event.topic, event.value, event.key, headers=list(event.headers), on_delivery=self._delivered
                )
            except BufferError:  # 100,000 events wait for the network
                self._producer.poll(1)
            else:
                return

    def _failure(self, failures: list[KafkaError], left: int) -> Exception:
        doing = f"publishing {len(failures) + left} events"
        self._errors.check(doing)
        for error in failures:
            if kind_of(error) in (Kind.USAGE, Kind.TOO_LARGE):
                return exception_for(error, doing)
        if any(error.fatal() for error in failures):
            # An idempotent producer that lost count of its sequence is of no more use; the events are.
            self._producer = made(Producer, self._configuration, self._errors)
        cause = failures[0].str() if failures else f"no acknowledgement within {PATIENCE_S} s"
        return TransientError(f"{doing} did not succeed ({cause}); check the brokers")

    def _delivered(self, error: KafkaError | None, _: object) -> None:
        if error is not None:
            self._failures.append(error)
