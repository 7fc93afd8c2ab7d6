"""The transactional producer of a process: events and positions, both or neither."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from streams.adapters.kafka_client import MAX_MESSAGE_BYTES, TRANSACTION_TIMEOUT_S, Configuration, made
from streams.adapters.kafka_errors import ClientErrors, Kind, cause_of, exception_for, kind_of
from streams.errors import TransientError, UsageError
from streams.transport import Outgoing, Partition

CALL_S = 5.0
"""How long one call waits before it says that it may be called again."""
REPEATING_S = 60.0
"""How long a call is repeated."""
HUNG_TICKS = TRANSACTION_TIMEOUT_S + 15
"""After so many seconds the broker has aborted a transaction, and a call that still waits for it may wait for ever."""
HUNG = 75
"""Exit status of a process whose transaction hangs: a supervisor restarts it."""
JOINING = "reaching the brokers"

log = structlog.get_logger()


class Watchdog:
    """Ends the process when one transaction takes too long.

    ``send_offsets_to_transaction`` ignores its timeout and can hang for ever when the broker dies under it; whatever is
    tried then makes it worse. It counts its own ticks instead of reading a clock, so that a process that was stopped
    and goes on is given as much time as any other. The polling thread is no place for it: that may be waiting, within
    a rebalance, for this very transaction.

    Parameters
    ----------
    tick_s, ticks
        How often it looks, and for how many looks a transaction may be the same.
    end
        Ends the process with a status, at once.
    """

    def __init__(
        self, *, tick_s: float = 1.0, ticks: int = HUNG_TICKS, end: Callable[[int], object] = os._exit
    ) -> None:
        self._tick_s = tick_s
        self._ticks = ticks
        self._end = end
        self._begun = 0
        self._ended = 0
        self._watched = 0
        self._looks = 0
        self._closed = threading.Event()

    def start(self) -> None:
        """Begin to watch, in a thread."""
        threading.Thread(target=self._watch, name="transaction-watchdog", daemon=True).start()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch over the block; one at a time."""
        self._begun += 1
        try:
            yield
        finally:
            self._ended = self._begun

    def close(self) -> None:
        """Watch no more."""
        self._closed.set()

    def tick(self) -> None:
        """Look once."""
        begun = self._begun
        same = begun == self._watched and begun != self._ended
        self._watched, self._looks = begun, self._looks + 1 if same else 0
        if self._looks >= self._ticks:
            log.critical("transaction_hung", seconds=round(self._looks * self._tick_s), exit_status=HUNG)
            self._end(HUNG)

    def _watch(self) -> None:
        while not self._closed.wait(self._tick_s):
            self.tick()


class Transactions:
    """One transactional producer; `commit` is called by one thread."""

    def __init__(self, configuration: Configuration, errors: ClientErrors, watchdog: Watchdog) -> None:
        self._errors = errors
        self._watchdog = watchdog
        self._producer = made(Producer, configuration, errors)
        self._announced = False

    def begin(self) -> None:
        """Announce this producer, once: whoever had its id before is fenced, and what it left open is aborted.

        Raises
        ------
        TransientError
            If the brokers do not answer.
        UsageError
            If they refuse the login or the id.
        """
        if self._announced:
            return
        try:
            _repeat(self._announce)
        except KafkaException as error:
            raise exception_for(cause_of(error), JOINING) from error
        self._announced = True
        self._errors.refusal = None
        self._watchdog.start()

    def commit(self, outgoing: Sequence[Outgoing], offsets: Mapping[Partition, int], membership: object) -> None:
        """One transaction for the events and the offsets; aborted as a whole where the broker asks for it."""
        _check_sizes(outgoing)
        positions = [TopicPartition(p.topic, p.number, offset) for p, offset in offsets.items()]
        self._producer.poll(0)  # serves `error_cb`
        with self._watchdog.watching():
            self._producer.begin_transaction()
            try:
                for event in outgoing:
                    self._producer.produce(event.topic, event.value, event.key, headers=list(event.headers))
                self._producer.send_offsets_to_transaction(positions, membership, CALL_S)
                _repeat(lambda: self._producer.commit_transaction(CALL_S))
            except KafkaException as error:
                cause = cause_of(error)
                # Retriable here: repeated in vain, or from send_offsets, where trying again hung for ever in 2 of 2
                # trials and aborting was fatal in 3 of 3. The process ends, and its successor fences what it left.
                if cause.fatal() or cause.retriable():
                    raise
                _repeat(lambda: self._producer.abort_transaction(CALL_S))
                raise _refusal(cause) from error

    def close(self) -> None:
        """Watch no more."""
        self._watchdog.close()

    def _announce(self) -> None:
        try:
            self._producer.init_transactions(CALL_S)
        except KafkaException:
            self._producer.poll(0)  # serves `error_cb`: a refused login is a time-out otherwise
            self._errors.check(JOINING)
            raise


def _repeat(call: Callable[[], object]) -> None:
    """Call again while librdkafka says that the same call may be repeated, within bounds."""
    deadline = time.monotonic() + REPEATING_S
    while True:
        try:
            call()
        except KafkaException as error:
            if not cause_of(error).retriable() or time.monotonic() > deadline:
                raise
        else:
            return


def _refusal(cause: KafkaError) -> Exception:
    """Return what to raise for a transaction that was aborted: it is tried again, unless that could never succeed."""
    if kind_of(cause) is Kind.TOO_LARGE:
        return UsageError(f"a topic takes no event of this size ({cause.str()}): see semstream topics check")
    if kind_of(cause) is Kind.USAGE:
        return exception_for(cause, "publishing")
    return TransientError(f"the broker refused a transaction ({cause.str()}); it is tried again")


def _check_sizes(outgoing: Sequence[Outgoing]) -> None:
    for event in outgoing:
        if event.size_bytes > MAX_MESSAGE_BYTES:
            raise ValueError(f"an event of {event.size_bytes} bytes for {event.topic}: at most {MAX_MESSAGE_BYTES}")
