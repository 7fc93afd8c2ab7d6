"""Apache Kafka by confluent-kafka: a consumer and the transactional producer that answers it."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as KafkaMessage

from streams.adapters.kafka_messages import is_data, to_message
from streams.errors import TransientError
from streams.ports import Message, Outgoing, Partition, PartitionsFn

T = TypeVar("T")

CONSUMER = {
    "group.protocol": "consumer",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "max.poll.interval.ms": 300_000,
    "fetch.wait.max.ms": 500,
    "fetch.queue.backoff.ms": 20,
    "queued.min.messages": 1000,
    "queued.max.messages.kbytes": 16_384,
    "reconnect.backoff.max.ms": 1000,
}
PRODUCER = {
    "transaction.timeout.ms": 30_000,
    "linger.ms": 0,
    "compression.type": "zstd",
    "reconnect.backoff.max.ms": 1000,
}

LEAVING_S = 5.0
"""How long a member that leaves waits for its partitions to be taken back."""

log = structlog.get_logger()


class KafkaTransport:
    """A member of a consumer group; events and positions go out in one transaction.

    Parameters
    ----------
    bootstrap_servers, group
        Where, and as a member of which consumer group.
    transactional_id
        Stable for the slot this process runs in: a successor fences its predecessor.
    client
        More librdkafka settings for both clients (security, the embedded cluster's timing).
    """

    def __init__(
        self,
        bootstrap_servers: str,
        group: str,
        *,
        transactional_id: str,
        client: Mapping[str, str | int | bool] | None = None,
    ) -> None:
        common = {"bootstrap.servers": bootstrap_servers, "error_cb": _note_client_error}
        extra = dict(client or {})
        producer_extra = {name: value for name, value in extra.items() if name not in _CONSUMER_ONLY}
        self._consumer = Consumer({**common, **CONSUMER, "group.id": group, **extra})
        self._producer = Producer({**common, **PRODUCER, "transactional.id": transactional_id, **producer_extra})
        self._metadata: object = None
        self._closing = False
        _until_done(lambda: self._producer.init_transactions(30))

    def subscribe(self, topic: str, *, on_assign: PartitionsFn, on_revoke: PartitionsFn) -> None:
        """Join the group; librdkafka calls the two functions from inside `poll`."""

        def assigned(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            on_assign([Partition(p.topic, p.partition) for p in partitions])
            consumer.incremental_assign(partitions)
            if not self._closing:
                consumer.resume(partitions)  # a pause survives revoke and re-assign
                self._metadata = consumer.consumer_group_metadata()

        def revoked(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            if not self._closing:
                self._metadata = consumer.consumer_group_metadata()
            on_revoke([Partition(p.topic, p.partition) for p in partitions])
            consumer.incremental_unassign(partitions)

        self._consumer.subscribe([topic], on_assign=assigned, on_revoke=revoked, on_lost=revoked)

    def poll(self, *, limit: int, timeout_s: float) -> list[Message]:
        """Wait for one message, then take what else has arrived: ``consume(n, timeout)`` would wait to fill."""
        first = self._consumer.poll(timeout_s)
        if first is None:
            return []
        found: list[KafkaMessage] = [first, *self._consumer.consume(limit - 1, 0)] if limit > 1 else [first]
        self._metadata = self._consumer.consumer_group_metadata()
        return [to_message(message) for message in found if is_data(message)]

    def pause(self) -> None:
        """Stop fetching every partition held."""
        self._consumer.pause(self._consumer.assignment())

    def resume(self) -> None:
        """Fetch every partition held."""
        self._consumer.resume(self._consumer.assignment())

    def commit(self, outgoing: Sequence[Outgoing], positions: Mapping[Partition, int]) -> None:
        """One transaction for the events and the positions; aborted as a whole where the broker asks for it."""
        offsets = [TopicPartition(p.topic, p.number, offset) for p, offset in positions.items()]
        try:
            self._producer.begin_transaction()
            for event in outgoing:
                self._producer.produce(event.topic, event.value, event.key, headers=list(event.headers))
            self._producer.send_offsets_to_transaction(offsets, self._metadata, 30)
            _until_done(lambda: self._producer.commit_transaction(30))
        except KafkaException as error:
            cause = error.args[0]
            if not cause.txn_requires_abort():
                raise
            _until_done(lambda: self._producer.abort_transaction(30))
            raise TransientError(f"the broker refused a transaction ({cause.str()}); it is tried again") from error

    def close(self) -> None:
        """Leave the group at once instead of at the session's end.

        An assignment may be on its way. It is waited for and given back here, for inside librdkafka's own close
        answering it hangs or fails.
        """
        if self._closing:
            return
        self._closing = True
        self._consumer.unsubscribe()
        deadline = time.monotonic() + LEAVING_S
        while self._consumer.poll(0.05) or self._consumer.assignment():
            if time.monotonic() > deadline:
                break
        self._consumer.close()


_CONSUMER_ONLY = {"fetch.wait.max.ms", "auto.offset.reset", "group.protocol", "group.instance.id"}


def _until_done(call: Callable[[], T]) -> T:
    """Call again while librdkafka says that the same call may be repeated."""
    while True:
        try:
            return call()
        except KafkaException as error:
            if not error.args[0].retriable():
                raise


def _note_client_error(error: KafkaError) -> None:
    log.warning("kafka_client_error", code=error.name(), text=error.str())
