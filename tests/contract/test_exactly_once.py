"""What only a real broker can show: both or neither, and never twice, whoever dies, freezes or comes back."""

import signal
import threading
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaException, TopicPartition

from streams.adapters.kafka_admin import LATEST, KafkaAdmin
from streams.errors import TransientError
from streams.transport import Message, Partition, Positions
from tests.contract.actor import Actor, answers
from tests.kafka_world import PARTITIONS, World, behind, events, poll_until, values


def committed_count(real: World, topic: str) -> int:
    return sum(real.committed(topic).values())


def test_positions_under_a_membership_that_ended_are_refused_with_their_events(real: World) -> None:
    topic, out = real.topic("in"), real.topic("out")
    real.publisher.publish(events(topic, 40))
    first = real.join(topic)
    messages = poll_until(lambda got: len(got) >= 40, first)
    old = first.transport.membership()
    second = real.join(topic)
    poll_until(lambda _: bool(second.held) and not first.held & second.held, first, second)
    moved = set(second.held)
    second.transport.close()
    poll_until(lambda _: len(first.held) == PARTITIONS, first)
    mine = [message for message in messages if message.partition in moved]
    before = committed_count(real, topic)
    with pytest.raises(TransientError, match="refused a transaction"):
        first.transport.commit(answers(out, mine), Positions(behind(mine), old))
    assert committed_count(real, topic) == before
    first.commit(answers(out, mine), mine)
    assert values(real.read(out, len(mine))) == values(mine)
    assert committed_count(real, topic) == before + len(mine)


def test_readers_see_neither_open_nor_aborted_transactions(real: World) -> None:
    topic = real.topic("in")
    producer = real.producer("foreign")
    producer.begin_transaction()
    producer.produce(topic, b"aborted")
    producer.flush()
    member = real.join(topic)
    poll_until(lambda _: len(member.held) == PARTITIONS, member)
    assert [message for _ in range(5) for message in member.poll(timeout_s=0.1)] == []
    producer.abort_transaction(30)
    producer.begin_transaction()
    producer.produce(topic, b"committed")
    producer.commit_transaction(30)
    assert values(poll_until(bool, member)) == [b"committed"]


def test_markers_of_transactions_are_nobodys_lag(real: World) -> None:
    topic, out = real.topic("in"), real.topic("out")
    producer = real.producer("upstream")
    for n in range(3):
        producer.begin_transaction()
        producer.produce(topic, b"%d" % n, partition=0)
        producer.commit_transaction(30)
    member = real.join(topic)
    messages = poll_until(lambda got: len(got) >= 3, member)
    member.commit(answers(out, messages), messages)
    poll_until(lambda _: member.transport.lag().get(Partition(topic, 0)) == 0, member)


def test_a_successor_in_the_same_slot_fences_its_predecessor(real: World) -> None:
    topic, out = real.topic("in"), real.topic("out")
    real.publisher.publish(events(topic, 1))
    first = real.join(topic, slot="1")
    messages = poll_until(bool, first)
    real.join(topic, slot="1")
    with pytest.raises(KafkaException):
        first.commit(answers(out, messages), messages)
    assert committed_count(real, topic) == 0


@pytest.fixture
def actors() -> Iterator[list[Actor]]:
    actors: list[Actor] = []
    yield actors
    for actor in actors:
        actor.close()


@pytest.mark.parametrize("slot", [None, "1"], ids=["any process", "the same slot"])
def test_a_worker_that_was_frozen_until_it_was_replaced_publishes_nothing(
    real: World, actors: list[Actor], slot: str | None
) -> None:
    topic, out = real.topic("in"), real.topic("out")
    real.publisher.publish(events(topic, 1))
    real.first_offsets().prepare(topic)
    zombie = Actor(real.kafka, real.group(), topic, out, slot)
    actors.append(zombie)
    assert zombie.says() == "holding"
    zombie.process.send_signal(signal.SIGSTOP)
    successor = real.join(topic, slot=slot)
    messages = poll_until(bool, successor)
    successor.commit(answers(out, messages), messages)
    zombie.process.send_signal(signal.SIGCONT)
    zombie.tell("commit")
    assert zombie.says().startswith("refused")
    assert values(real.read(out, 2, patience_s=3)) == [b"v0"]
    assert committed_count(real, topic) == 1


def test_a_transaction_that_a_killed_worker_left_open_is_aborted_by_its_successor(
    real: World, actors: list[Actor]
) -> None:
    topic, out = real.topic("in"), real.topic("out", partitions=1)
    real.publisher.publish(events(topic, 1))
    real.first_offsets().prepare(topic)
    victim = Actor(real.kafka, real.group(), topic, out, "1")
    actors.append(victim)
    assert victim.says() == "holding"
    victim.tell("open")
    assert victim.says() == "open"
    victim.process.kill()
    stable, _ = ends_of(real, out)
    assert stable == 0
    successor = real.join(topic, slot="1")
    stable, high = ends_of(real, out)
    assert stable == high > 0
    messages = poll_until(bool, successor)
    successor.commit(answers(out, messages), messages)
    assert values(real.read(out, 1)) == [b"v0"]


def ends_of(real: World, topic: str) -> tuple[int, int]:
    """Return the end that readers see and the end of the log; what lies between is an open transaction."""
    stable = KafkaAdmin(real.kafka).ends(topic, [0], LATEST)[0]
    watcher = real.foreign_consumer()
    _, high = watcher.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
    watcher.close()
    return stable, high


def test_a_worker_that_comes_back_to_its_slot_moves_nobody_elses_partitions(real: World) -> None:
    topic = real.topic("in")
    first, second = real.join(topic, slot="1"), real.join(topic, slot="2")
    poll_until(lambda _: len(first.held) == len(second.held) == PARTITIONS // 2, first, second)
    held, told = set(first.held), list(second.told)
    first.transport.close()
    again = real.join(topic, slot="1")
    poll_until(lambda _: again.held == held, again, second)
    assert second.told == told


def impatient(real: World) -> dict[str, str | int | bool]:
    return {"max.poll.interval.ms": 6000, **({"session.timeout.ms": 6000} if real.is_classic else {})}


def test_polling_on_keeps_a_member_whose_work_takes_longer_than_the_poll_interval(real: World) -> None:
    topic, out = real.topic("in"), real.topic("out")
    real.publisher.publish(events(topic, 1))
    member = real.join(topic, options=impatient(real))
    messages = poll_until(bool, member)
    told = list(member.told)
    member.transport.pause()
    end = time.monotonic() + 12
    while time.monotonic() < end:
        member.poll(timeout_s=0.1)
    member.commit(answers(out, messages), messages)
    assert member.told == told
    assert values(real.read(out, 1)) == [b"v0"]


def test_a_member_that_did_not_poll_loses_its_partitions_and_gets_them_back(real: World) -> None:
    topic = real.topic("in")
    member = real.join(topic, options=impatient(real))
    poll_until(lambda _: len(member.held) == PARTITIONS, member)
    time.sleep(9)
    poll_until(lambda _: ("lost", tuple(range(PARTITIONS))) in member.told, member)
    poll_until(lambda _: len(member.held) == PARTITIONS, member)


def test_work_that_is_finished_while_partitions_are_revoked_is_committed(real: World) -> None:
    topic, out = real.topic("in"), real.topic("out")
    real.publisher.publish(events(topic, 40))
    first = real.join(topic)
    messages = poll_until(lambda got: len(got) >= 40, first)
    finished: list[Message] = []

    def revoked(partitions: object) -> None:
        """Commit from another thread, as a crew does, while the callback waits."""
        mine = [message for message in messages if message.partition in partitions]  # type: ignore[operator]
        committer = threading.Thread(target=lambda: first.commit(answers(out, mine), mine))
        committer.start()
        committer.join(30)
        finished.extend(mine)

    first.at_revoke = revoked
    second = real.join(topic)
    got = poll_until(lambda _: bool(second.held) and not first.held & second.held, first, second)
    got += [message for _ in range(10) for message in second.poll(timeout_s=0.1)]
    first.at_revoke = lambda partitions: None
    assert finished
    assert got == []
    assert values(real.read(out, len(finished))) == values(finished)
