"""What a member makes of librdkafka's callbacks and errors; what every transport does is in `tests/contract`."""

import threading
from collections.abc import Collection
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from structlog.testing import capture_logs

from streams.adapters import kafka_member
from streams.adapters.kafka_errors import ClientErrors
from streams.adapters.kafka_member import IN_DOUBT_S, REFUSED_S, STILL_THERE, Callbacks, Member
from streams.adapters.kafka_progress import Progress
from streams.errors import TransientError, UsageError
from streams.transport import Partition
from tests.librdkafka import FakeConsumer, FakeMessage

P0, P1 = Partition("in", 0), Partition("in", 1)
TWO = [TopicPartition("in", 0), TopicPartition("in", 1)]


class Clock:
    """A clock that a test turns."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def member(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Member:
    monkeypatch.setattr(kafka_member, "Consumer", FakeConsumer)
    configuration: dict[str, str | int | bool] = {"group.id": "filter", "group.instance.id": "3"}
    return Member(configuration, ClientErrors(), Progress(), back_off=lambda: 2.0, clock=clock)


def consumer_of(member: Member) -> FakeConsumer:
    return member._consumer  # type: ignore[return-value]


def joined(member: Member) -> tuple[FakeConsumer, list[tuple[str, Collection[Partition]]]]:
    told: list[tuple[str, Collection[Partition]]] = []
    consumer = consumer_of(member)

    def tell(word: str, partitions: Collection[Partition]) -> None:
        told.append((word, partitions))
        consumer.calls.append((word, None))

    member.join(
        "in",
        Callbacks(
            on_assign=lambda partitions: tell("assigned", partitions),
            on_revoke=lambda partitions: tell("revoked", partitions),
            on_lost=lambda partitions: tell("lost", partitions),
        ),
    )
    return consumer, told


def test_a_poll_takes_one_message_and_what_else_has_arrived(member: Member) -> None:
    consumer_of(member).messages = [FakeMessage(n) for n in range(5)]
    assert [message.offset for message in member.poll(limit=3, timeout_s=0)] == [0, 1, 2]
    assert [message.offset for message in member.poll(limit=1, timeout_s=0)] == [3]
    assert member.poll(limit=3, timeout_s=0)[0].timestamp_ms == 5
    assert member.poll(limit=3, timeout_s=0) == []


def test_every_poll_takes_note_of_the_membership_also_an_empty_one(member: Member) -> None:
    assert member.membership is None
    member.poll(limit=3, timeout_s=0)
    assert member.membership == "metadata"


@pytest.mark.parametrize(
    "code",
    [
        KafkaError._PARTITION_EOF,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._MAX_POLL_EXCEEDED,
        KafkaError.NOT_COORDINATOR,
    ],
)
def test_a_passing_error_among_messages_is_passed_over(member: Member, code: int) -> None:
    consumer_of(member).messages = [FakeMessage(0), FakeMessage(error=KafkaError(code)), FakeMessage(1)]
    assert [message.offset for message in member.poll(limit=10, timeout_s=0)] == [0, 1]


@pytest.mark.parametrize("code", [KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE])
def test_lost_offsets_are_loud_and_name_the_partition_and_what_to_do(member: Member, code: int) -> None:
    joined(member)
    consumer_of(member).messages = [FakeMessage(error=KafkaError(code))]
    command = "semstream topics reset --group filter --topic in --partitions 0 --to beginning"
    with pytest.raises(UsageError, match=f"lost its offsets in in, partitions 0: .*{command}"):
        member.poll(limit=10, timeout_s=0)


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    ],
)
def test_what_somebody_has_to_put_right_is_said_in_one_line(member: Member, code: int) -> None:
    joined(member)
    consumer_of(member).messages = [FakeMessage(error=KafkaError(code))]
    with pytest.raises(UsageError, match="reading in as group filter"):
        member.poll(limit=10, timeout_s=0)


@pytest.mark.parametrize("code", [KafkaError._FATAL, KafkaError._STATE, KafkaError.FENCED_INSTANCE_ID])
def test_a_fatal_error_ends_the_process(member: Member, code: int) -> None:
    consumer_of(member).messages = [FakeMessage(error=KafkaError(code))]
    with pytest.raises(KafkaException):
        member.poll(limit=10, timeout_s=0)


def test_partitions_are_announced_before_they_are_fetched_and_never_stay_paused(member: Member) -> None:
    consumer, told = joined(member)
    consumer.callbacks["on_assign"](consumer, TWO)
    assert told == [("assigned", [P0, P1])]
    assert [name for name, _ in consumer.calls] == ["assigned", "incremental_assign", "resume", "metadata"]


def test_partitions_that_come_while_paused_are_paused(member: Member) -> None:
    consumer, _ = joined(member)
    member.pause()
    consumer.calls.clear()
    consumer.callbacks["on_assign"](consumer, TWO)
    assert ("pause", TWO) in consumer.calls
    member.resume()
    consumer.calls.clear()
    consumer.callbacks["on_assign"](consumer, TWO)
    assert ("resume", TWO) in consumer.calls


def test_the_membership_is_fresh_before_revoked_work_is_finished_and_partitions_are_given_up_after(
    member: Member,
) -> None:
    consumer, told = joined(member)
    consumer.callbacks["on_revoke"](consumer, TWO)
    assert told == [("revoked", [P0, P1])]
    assert [name for name, _ in consumer.calls] == ["metadata", "revoked", "incremental_unassign"]


def test_a_partition_revoked_right_after_its_assignment_is_lost_for_it_may_have_a_new_owner(
    member: Member, clock: Clock
) -> None:
    consumer, told = joined(member)
    consumer.callbacks["on_assign"](consumer, TWO[:1])
    clock.now_s = IN_DOUBT_S
    consumer.callbacks["on_assign"](consumer, TWO[1:])
    told.clear()
    clock.now_s += 0.9 * IN_DOUBT_S
    consumer.callbacks["on_revoke"](consumer, TWO)
    assert told == [("lost", [P1]), ("revoked", [P0])]
    assert consumer.calls[-1] == ("incremental_unassign", TWO)


def test_a_partition_that_comes_again_is_in_doubt_again(member: Member, clock: Clock) -> None:
    consumer, told = joined(member)
    consumer.callbacks["on_assign"](consumer, TWO)
    clock.now_s = 2 * IN_DOUBT_S
    consumer.callbacks["on_revoke"](consumer, TWO)
    consumer.callbacks["on_assign"](consumer, TWO)
    told.clear()
    consumer.callbacks["on_revoke"](consumer, TWO)
    assert told == [("lost", [P0, P1])]


def test_lost_partitions_are_told_apart_from_revoked_ones(member: Member) -> None:
    consumer, told = joined(member)
    consumer.callbacks["on_lost"](consumer, TWO)
    assert told == [("lost", [P0, P1])]
    assert [name for name, _ in consumer.calls] == ["lost", "incremental_unassign"]


def refuse(member: Member) -> FakeConsumer:
    """Have the broker say that the slot is taken; return the consumer that heard it."""
    consumer = consumer_of(member)
    consumer.messages = [FakeMessage(error=KafkaError(KafkaError._FATAL, f"Fatal error: {STILL_THERE}"))]
    assert member.poll(limit=1, timeout_s=0) == []
    return consumer


def test_a_newcomer_whose_predecessor_is_still_there_stands_back_and_tries_again(member: Member, clock: Clock) -> None:
    joined(member)
    refused = refuse(member)
    assert [name for name, _ in refused.calls][-1] == "close"
    member.poll(limit=1, timeout_s=0)
    assert consumer_of(member).topics == []
    clock.now_s = 2.0
    member.poll(limit=1, timeout_s=0)
    assert consumer_of(member).topics == ["in"]


def test_a_process_whose_slot_stays_taken_ends_and_may_be_started_again(member: Member, clock: Clock) -> None:
    joined(member)
    while clock.now_s <= REFUSED_S:
        refuse(member)
        clock.now_s += 30
    with pytest.raises(TransientError, match="slot '3' of group filter is taken"):
        refuse(member)


def test_a_member_that_got_in_may_be_refused_again_for_as_long(member: Member, clock: Clock) -> None:
    joined(member)
    refuse(member)
    clock.now_s = REFUSED_S - 1
    member.poll(limit=1, timeout_s=0)
    consumer: Any = consumer_of(member)
    consumer.callbacks["on_assign"](consumer, [])
    clock.now_s = REFUSED_S + 1
    refuse(member)


def test_a_member_that_librdkafka_does_not_let_go_ends_nevertheless(
    member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.adapters.kafka_member.LEAVING_S", 0.1)
    joined(member)
    let_go = threading.Event()
    monkeypatch.setattr(consumer_of(member), "close", let_go.wait)
    with capture_logs() as logs:
        member.leave()
    let_go.set()
    assert [entry["event"] for entry in logs] == ["group_not_left"]
