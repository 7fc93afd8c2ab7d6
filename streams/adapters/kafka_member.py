"""A member of a consumer group: the consuming half of the transport. Only the polling thread calls it."""

import math
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from streams.adapters.kafka_client import Configuration, made
from streams.adapters.kafka_errors import ClientErrors, Kind, cause_of, exception_for, kind_of
from streams.adapters.kafka_messages import to_message
from streams.adapters.kafka_progress import Progress
from streams.adapters.kafka_seeds import FirstOffsets, lost_offsets
from streams.errors import TransientError
from streams.transport import Message, Partition, PartitionsFn

LEAVING_S = 10.0
"""How long a member that leaves waits for its partitions to be taken back, and then for librdkafka to let it go."""
REFUSED_S = 120.0
"""How long a static member waits for the session of its predecessor to end: 45 s by the brokers' default."""
IN_DOUBT_S = 5.0
"""How long after its assignment a partition that is revoked may have a new owner already: see ADR 27."""
STILL_THERE = KafkaError(KafkaError.UNRELEASED_INSTANCE_ID).str()

log = structlog.get_logger()


@dataclass(frozen=True)
class Callbacks:
    """Whom to tell of what is assigned, revoked and lost."""

    on_assign: PartitionsFn
    on_revoke: PartitionsFn
    on_lost: PartitionsFn


def a_while() -> float:
    """Return how many seconds a refused member waits before it tries again."""
    return random.uniform(1, 3)  # noqa: S311 - jitter


class Member:
    """A consumer, and what becomes of it in a group.

    Parameters
    ----------
    configuration, errors
        Of the consumer, and where its errors go.
    progress
        Is told what is read.
    first_offsets
        Gives partitions that the group never read their first offset; without it ``auto.offset.reset`` decides.
    in_doubt_s
        A partition that is revoked sooner after its assignment counts as lost.
    back_off, clock
        Seconds to wait after a refusal, and monotonic seconds.
    """

    def __init__(
        self,
        configuration: Configuration,
        errors: ClientErrors,
        progress: Progress,
        *,
        first_offsets: FirstOffsets | None = None,
        in_doubt_s: float = IN_DOUBT_S,
        back_off: Callable[[], float] = a_while,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._configuration = configuration
        self._errors = errors
        self._progress = progress
        self._first_offsets = first_offsets
        self._in_doubt_s = in_doubt_s
        self._back_off = back_off
        self._clock = clock
        self._consumer = made(Consumer, configuration, errors)
        self._topic = ""
        self._callbacks = Callbacks(_ignore, _ignore, _ignore)
        self._assigned_at: dict[int, float] = {}
        self._paused = False
        self._leaving = False
        self._refused_since: float | None = None
        self._join_again_at: float | None = None
        self.membership: object = None
        """This member's place in the group as of the last poll or callback. Other threads read it here: asking the
        consumer would block them during a rebalance, which waits for them."""

    def join(self, topic: str, callbacks: Callbacks) -> None:
        """Give unread partitions their first offsets and subscribe; librdkafka calls back from inside `poll`."""
        self._topic, self._callbacks = topic, callbacks
        if self._first_offsets is not None:
            self._first_offsets.prepare(topic)
        self._subscribe()

    def poll(self, *, limit: int, timeout_s: float) -> list[Message]:
        """Wait for one message, then take what else has arrived: ``consume(n, timeout)`` would wait to fill."""
        if self._join_again_at is not None and self._clock() >= self._join_again_at:
            self._subscribe()
        first = self._consumer.poll(timeout_s)
        found: list[KafkaMessage] = [] if first is None else [first]
        if found and limit > 1:
            found += self._consumer.consume(limit - 1, 0)
        self.membership = self._consumer.consumer_group_metadata()
        messages = [to_message(message) for message in found if self._is_data(message)]
        self._progress.read(messages)
        return messages

    def pause(self) -> None:
        """Stop fetching every partition held, and those that come."""
        self._paused = True
        self._consumer.pause(self._consumer.assignment())

    def resume(self) -> None:
        """Fetch every partition held."""
        self._paused = False
        self._consumer.resume(self._consumer.assignment())

    def lag(self) -> dict[Partition, int]:
        """Return how far each partition held is behind its end."""
        return self._progress.lag(self._consumer, cached=not self._paused)

    def leave(self) -> None:
        """Leave the group at once instead of at the session's end.

        An assignment may be on its way. It is waited for and given back here, for inside librdkafka's own close
        answering it hangs or fails. Where the broker is too slow for that, its session ends by itself.
        """
        if self._leaving:
            return
        self._leaving = True
        try:
            self._consumer.unsubscribe()
        except KafkaException as error:
            if cause_of(error).code() != KafkaError._FATAL:  # else it is in no group any more
                raise
        deadline = self._clock() + LEAVING_S
        while self._consumer.poll(0.05) or self._consumer.assignment():
            if self._clock() > deadline:
                break
        if not _ends(self._consumer.close, within_s=LEAVING_S):
            log.warning("group_not_left", group=self._configuration["group.id"], waited_s=LEAVING_S)

    def _subscribe(self) -> None:
        self._join_again_at = None
        self._consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._refused_since = None
        if self._first_offsets is not None and not self._leaving:
            self._first_offsets.complete(consumer, self._topic, [p.partition for p in partitions])
        self._progress.forget(_named(partitions))
        self._callbacks.on_assign(_named(partitions))
        consumer.incremental_assign(partitions)
        if not self._leaving:
            # A pause survives revoke and re-assign, and a partition that is new is not paused: say which it is.
            (consumer.pause if self._paused else consumer.resume)(partitions)
            self.membership = consumer.consumer_group_metadata()
        self._assigned_at |= {p.partition: self._clock() for p in partitions}
        self._note("partitions_assigned", partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not self._leaving:
            # What is finished and committed in the callback must carry the group's present generation.
            self.membership = consumer.consumer_group_metadata()
        start = self._clock()
        doubtful = [p for p in partitions if start - self._assigned_at.get(p.partition, -math.inf) < self._in_doubt_s]
        if doubtful:
            self._callbacks.on_lost(_named(doubtful))
        if sure := [p for p in partitions if p not in doubtful]:
            self._callbacks.on_revoke(_named(sure))
        consumer.incremental_unassign(partitions)
        self._note("partitions_revoked", sure, seconds=round(self._clock() - start, 3))
        self._note("partitions_revoked_at_once", doubtful)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._callbacks.on_lost(_named(partitions))
        consumer.incremental_unassign(partitions)
        self._note("partitions_lost", partitions)

    def _note(self, event: str, partitions: list[TopicPartition], **more: float) -> None:
        if partitions:
            log.info(event, topic=self._topic, partitions=sorted(p.partition for p in partitions), **more)

    def _is_data(self, message: KafkaMessage) -> bool:
        """Whether it is a message; False for an error that passes, other errors raise."""
        error = message.error()
        if error is None:
            return True
        group = str(self._configuration["group.id"])
        kind = kind_of(error)
        if kind is Kind.LOST_OFFSETS:
            raise lost_offsets(group, message.topic() or self._topic, [message.partition() or 0])
        if error.code() == KafkaError._FATAL and STILL_THERE in error.str():
            self._stand_back()
        elif kind is not Kind.PASSING:
            raise exception_for(error, f"reading {self._topic} as group {group}")
        elif error.code() != KafkaError._PARTITION_EOF:
            self._errors.note(error)
        return False

    def _stand_back(self) -> None:
        """Try again later: the session of another member of this slot lives. A consumer that met this is of no use."""
        now = self._clock()
        self._refused_since = now if self._refused_since is None else self._refused_since
        slot, group = self._configuration.get("group.instance.id"), self._configuration["group.id"]
        if now - self._refused_since > REFUSED_S:
            raise TransientError(
                f"slot '{slot}' of group {group} is taken: give each process a slot of its own; where no other has it, "
                "the broker has forgotten to end the session of one that died: see docs/runbooks/stalled.md"
            )
        log.warning("slot_taken", slot=slot, group=group)
        self._consumer.close()
        self._consumer = made(Consumer, self._configuration, self._errors)
        self._join_again_at = now + self._back_off()


def _ends(call: Callable[[], None], *, within_s: float) -> bool:
    """Call, in a thread that nobody waits for any longer; whether it ended, and raise what it raised."""
    ended: Future[None] = Future()

    def run() -> None:
        try:
            call()
            ended.set_result(None)
        except KafkaException as error:
            ended.set_exception(error)

    threading.Thread(target=run, name="leaving", daemon=True).start()
    try:
        ended.result(within_s)
    except TimeoutError:
        return False
    return True


def _named(partitions: list[TopicPartition]) -> list[Partition]:
    return [Partition(p.topic, p.partition) for p in partitions]


def _ignore(_: object) -> None:
    pass
