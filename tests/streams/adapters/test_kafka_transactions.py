"""How a transaction's errors are mapped, by librdkafka's own flags."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.adapters import kafka_transactions
from streams.adapters.kafka_client import MAX_MESSAGE_BYTES
from streams.adapters.kafka_errors import ClientErrors
from streams.adapters.kafka_transactions import HUNG, Transactions, Watchdog
from streams.errors import TransientError, UsageError
from streams.transport import Outgoing, Partition
from tests.librdkafka import FakeProducer

P0 = Partition("in", 0)
EVENT = Outgoing("out", b"k", b"v", [("a", b"b")])
SEND = "send_offsets_to_transaction"


def failure(code: int, **properties: bool) -> KafkaException:
    return KafkaException(KafkaError(code, "because", **properties))


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Transactions]:
    monkeypatch.setattr(kafka_transactions, "Producer", FakeProducer)
    transactions = Transactions({}, ClientErrors(), Watchdog())
    yield transactions
    transactions.close()


def producer_of(transactions: Transactions, *failures: tuple[str, KafkaException]) -> FakeProducer:
    producer: Any = transactions._producer
    producer.failures = list(failures)
    assert isinstance(producer, FakeProducer)
    return producer


def test_events_and_positions_go_out_in_one_transaction_under_the_membership_given(transactions: Transactions) -> None:
    producer = producer_of(transactions)
    transactions.commit([EVENT, EVENT], {P0: 2}, "epoch 7")
    assert producer.calls[1:] == ["begin_transaction", "produce", "produce", SEND, "commit_transaction"]
    (offsets, membership, _) = producer.arguments[SEND]
    assert [(place.topic, place.partition, place.offset) for place in offsets] == [("in", 0, 2)]
    assert membership == "epoch 7"


@pytest.mark.parametrize("call", ["produce", SEND, "commit_transaction"])
@pytest.mark.parametrize(
    "code",
    [
        KafkaError._INCONSISTENT,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
    ],
)
def test_a_refused_transaction_is_aborted_and_may_be_tried_again(
    transactions: Transactions, call: str, code: int
) -> None:
    producer = producer_of(transactions, (call, failure(code, txn_requires_abort=True)))
    with pytest.raises(TransientError, match=r"refused a transaction \(because\)"):
        transactions.commit([EVENT], {P0: 1}, None)
    assert producer.calls[-1] == "abort_transaction"
    transactions.commit([EVENT], {P0: 1}, None)


@pytest.mark.parametrize(
    ("code", "advice"),
    [(KafkaError.MSG_SIZE_TOO_LARGE, "semstream topics check"), (KafkaError.TOPIC_AUTHORIZATION_FAILED, "because")],
)
def test_what_would_be_refused_for_ever_is_aborted_and_loud(transactions: Transactions, code: int, advice: str) -> None:
    producer = producer_of(transactions, ("commit_transaction", failure(code, txn_requires_abort=True)))
    with pytest.raises(UsageError, match=advice):
        transactions.commit([EVENT], {P0: 1}, None)
    assert producer.calls[-1] == "abort_transaction"


@pytest.mark.parametrize("call", ["commit_transaction", "abort_transaction"])
def test_a_call_that_may_be_repeated_is_repeated_by_itself(transactions: Transactions, call: str) -> None:
    passing = (call, failure(KafkaError._TRANSPORT, retriable=True))
    refused = (SEND, failure(KafkaError.UNKNOWN_MEMBER_ID, txn_requires_abort=True))
    if call == "commit_transaction":
        producer = producer_of(transactions, passing, passing)
        transactions.commit([EVENT], {P0: 1}, None)
    else:
        producer = producer_of(transactions, refused, passing, passing)
        with pytest.raises(TransientError):
            transactions.commit([EVENT], {P0: 1}, None)
    assert producer.calls.count(call) == 3


@pytest.mark.parametrize("call", ["init_transactions", "commit_transaction", "abort_transaction"])
def test_a_call_is_not_repeated_for_ever(
    transactions: Transactions, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_transactions, "REPEATING_S", 0.05)
    passing = [(call, failure(KafkaError._TIMED_OUT, retriable=True))] * 1_000_000
    refused = [(SEND, failure(KafkaError.UNKNOWN_MEMBER_ID, txn_requires_abort=True))]
    producer = producer_of(transactions, *(refused if call == "abort_transaction" else []), *passing)
    if call == "init_transactions":
        with pytest.raises(TransientError, match="check the brokers"):
            transactions.begin()
    else:
        with pytest.raises(KafkaException):
            transactions.commit([EVENT], {P0: 1}, None)
        assert ("abort_transaction" in producer.calls) == (call == "abort_transaction")


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("begin_transaction", failure(KafkaError._FENCED, fatal=True)),
        ("produce", failure(KafkaError._FATAL, fatal=True)),
        ("commit_transaction", failure(KafkaError._FENCED, fatal=True)),
        (SEND, failure(KafkaError._TRANSPORT, retriable=True)),
        ("abort_transaction", failure(KafkaError.INVALID_TXN_STATE, fatal=True)),
    ],
)
def test_a_fenced_or_hopeless_transaction_ends_the_process(
    transactions: Transactions, call: str, error: KafkaException
) -> None:
    refused = [(SEND, failure(KafkaError.UNKNOWN_MEMBER_ID, txn_requires_abort=True))]
    producer = producer_of(transactions, *(refused if call == "abort_transaction" else []), (call, error))
    with pytest.raises(KafkaException):
        transactions.commit([EVENT], {P0: 1}, None)
    assert producer.calls.count("abort_transaction") == (call == "abort_transaction")


def test_a_refused_login_is_said_where_joining_only_times_out(transactions: Transactions) -> None:
    producer = producer_of(transactions, ("init_transactions", failure(KafkaError._TIMED_OUT, retriable=True)))
    producer.at_poll = lambda: transactions._errors.note(KafkaError(KafkaError._AUTHENTICATION, "wrong password"))
    with pytest.raises(UsageError, match="reaching the brokers: wrong password"):
        transactions.begin()


def test_a_producer_is_announced_once(transactions: Transactions) -> None:
    producer = producer_of(transactions)
    transactions.begin()
    transactions.begin()
    assert producer.calls.count("init_transactions") == 1


def test_an_event_that_is_too_large_is_found_before_a_transaction_begins(transactions: Transactions) -> None:
    producer = producer_of(transactions)
    headers = [("a", bytes(MAX_MESSAGE_BYTES - 2))]
    with pytest.raises(ValueError, match=f"an event of {MAX_MESSAGE_BYTES + 1} bytes for out"):
        transactions.commit([Outgoing("out", b"k", b"v", headers)], {P0: 1}, None)
    assert "begin_transaction" not in producer.calls


def test_a_transaction_that_hangs_ends_the_process() -> None:
    end = threading.Event()
    ended: list[int] = []

    def note(status: int) -> None:
        ended.append(status)
        end.set()

    dog = Watchdog(tick_s=0.005, ticks=5, end=note)
    dog.start()
    with dog.watching():
        assert end.wait(30)
    dog.close()
    assert set(ended) == {HUNG}


def test_many_short_transactions_and_a_long_rest_are_no_hung_one() -> None:
    ended: list[int] = []
    dog = Watchdog(ticks=5, end=ended.append)
    for _ in range(50):
        with dog.watching():
            for _ in range(4):
                dog.tick()
    for _ in range(50):
        dog.tick()
    assert ended == []
    with dog.watching():
        for _ in range(6):
            dog.tick()
    assert ended == [HUNG]
