"""Questions and orders to a Kafka cluster that are no messages: partitions, offsets of groups, ends of partitions."""

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from typing import TypeVar

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ClusterMetadata, OffsetSpec  # type: ignore[attr-defined]
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from streams.adapters.kafka_client import connection, made
from streams.adapters.kafka_errors import ClientErrors, cause_of, exception_for
from streams.errors import TransientError
from streams.settings import KafkaSettings

T = TypeVar("T")
REQUEST_S = 15.0
ASK_AGAIN_S = 0.5
EARLIEST, LATEST = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]


class KafkaAdmin:
    """An administrator's connection; every call waits for its answer, at most `REQUEST_S`.

    Each raises `TransientError` where the brokers do not answer, `UsageError` where something does not exist or is not
    permitted.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._errors = ClientErrors()
        self.client = made(AdminClient, connection(kafka), self._errors)

    def wait(self, future: "Future[T]", doing: str) -> T:
        """Return what a call of the client's came to."""
        try:
            return future.result(REQUEST_S + 5)
        except (KafkaException, TimeoutError) as error:
            cause = cause_of(error) if isinstance(error, KafkaException) else KafkaError(KafkaError._TIMED_OUT)
            raise self._failure(cause, doing) from error

    def metadata(self, *, within_s: float | None = None) -> ClusterMetadata:
        """Return the brokers and every topic there is."""
        try:
            return self.client.list_topics(timeout=within_s or REQUEST_S)
        except KafkaException as error:
            raise self._failure(cause_of(error), "reaching the brokers") from error

    def partitions(self, topic: str) -> list[int]:
        """Return the numbers of a topic's partitions."""
        asked = self.client.describe_topics(TopicCollection([topic]), request_timeout=REQUEST_S)
        return sorted(partition.id for partition in self.wait(asked[topic], f"looking up topic {topic}").partitions)

    def committed(self, group: str, topic: str, partitions: Collection[int]) -> dict[int, int]:
        """Return the offsets that a group has; partitions without one are left out.

        A consumer asks, which joins nothing: it waits for a coordinator that is loading and for transactions that are
        open. The administrator's own call fails there, and librdkafka 2.16 crashed when it was repeated. On a young
        cluster the coordinator may move meanwhile, so it is asked again for a while.
        """
        asking = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_delay(REQUEST_S),
            wait=wait_fixed(ASK_AGAIN_S),
            reraise=True,
        )
        return asking(self._committed, group, topic, partitions)

    def _committed(self, group: str, topic: str, partitions: Collection[int]) -> dict[int, int]:
        errors = ClientErrors()
        consumer = made(Consumer, {**connection(self._kafka), "group.id": group, "enable.auto.commit": False}, errors)
        doing = f"reading the offsets of group {group}"
        try:
            found = consumer.committed([TopicPartition(topic, number) for number in partitions], timeout=REQUEST_S)
        except KafkaException as error:
            errors.check(doing)
            raise exception_for(cause_of(error), doing) from error
        finally:
            consumer.close()
        refused = [place.error for place in found if place.error is not None]
        if refused:
            raise exception_for(refused[0], doing)
        return {place.partition: place.offset for place in found if place.offset >= 0}

    def move(self, group: str, topic: str, offsets: Mapping[int, int]) -> bool:
        """Set offsets of a group that nobody is a member of; False where it lives, and nothing was set."""
        wanted = [TopicPartition(topic, number, offset) for number, offset in offsets.items()]
        asked = self.client.alter_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, wanted)], request_timeout=REQUEST_S
        )
        doing = f"setting offsets of group {group} in {topic}"
        try:
            answered = asked[group].result(REQUEST_S + 5).topic_partitions or []
        except KafkaException as error:
            refusals = [cause_of(error)]
        else:
            refusals = [partition.error for partition in answered if partition.error is not None]
        if any(refusal.code() in _LIVES for refusal in refusals):
            return False
        if refusals:
            raise exception_for(refusals[0], doing)
        return True

    def ends(self, topic: str, partitions: Collection[int], end: OffsetSpec) -> dict[int, int]:
        """Return the first offsets or, read committed, the ends of partitions."""
        wanted = {TopicPartition(topic, number): end for number in partitions}
        asked = self.client.list_offsets(
            wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=REQUEST_S
        )
        return {
            place.partition: self.wait(answer, f"reading the ends of {topic}").offset for place, answer in asked.items()
        }

    def _failure(self, cause: KafkaError, doing: str) -> Exception:
        self.client.poll(0)  # serves `error_cb`: a refused login is a time-out otherwise
        self._errors.check(doing)
        return exception_for(cause, doing)


_LIVES = (KafkaError.UNKNOWN_MEMBER_ID, KafkaError.NON_EMPTY_GROUP)
