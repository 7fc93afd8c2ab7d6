"""The threads of one worker: one that polls, some that answer, one that commits."""

import math
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from streams.flow import Flow, Ticket
from streams.lag import Lag
from streams.patience import Patience, Stopped
from streams.pipeline import group_of
from streams.standing import Standing
from streams.telemetry import Activity, Telemetry, Thread
from streams.telemetry.catalogue import BATCH_LIMIT, BATCH_MESSAGES, PARTITIONS, REBALANCES, RETRIES, STAGE_SECONDS
from streams.transport import Partition, Positions, Transport
from streams.worker import Answer, Worker

T = TypeVar("T")

LAG_EVERY_S = 5.0
ABANDONED_AFTER_S = 2.0
"""How long a handler that works past the deadline is waited for: its answer goes nowhere, and it may take minutes."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Pace:
    """How much at a time: the batch, its age, the handlers, and what may be in flight.

    A batch grows, up to ``max_batch`` messages, while it is answered well within ``batch_target_s``, and shrinks when
    it takes longer: slow work is spread over the handlers, fast work shares one statement and one transaction. The wait
    for a slot does not count: smaller batches would not shorten it.
    A call that meets transient errors is repeated for ``patience_s``; then `run` raises the last of them.
    """

    max_batch: int = 32
    batch_target_s: float = 0.5
    batch_age_s: float = 0.005
    handlers: int = 2
    max_in_flight: int = 64
    max_in_flight_bytes: int = 2 << 20
    revoke_deadline_s: float = 60.0
    patience_s: float = math.inf


class Crew:
    """A worker's threads. `run` returns after `stop`, or raises what went wrong in any of them."""

    def __init__(self, worker: Worker, transport: Transport, pace: Pace, telemetry: Telemetry) -> None:
        self._worker = worker
        self._transport = transport
        self._pace = pace
        self._telemetry = telemetry
        self._name, self._lane = worker.desk.stage.name, worker.desk.lane
        self._flow: Flow[Answer] = Flow(max_messages=pace.max_in_flight, max_bytes=pace.max_in_flight_bytes)
        self._stopping = threading.Event()
        waiting = partial(self._spending, Activity.RETRY)
        self._patience = Patience(pace.patience_s, self._stopping, self._note_retry, waiting=waiting)
        self._standing = Standing(group_of(self._name, self._lane))
        self._lag = Lag(telemetry, self._name, self._lane)
        self._failure: BaseException | None = None
        self._held: set[Partition] = set()
        self._batch = 1
        self._lag_at_s = -math.inf

    def run(self) -> None:
        """Work until `stop`."""
        handlers = [self._thread(self._handle, f"handler-{n}", Thread.HANDLER) for n in range(self._pace.handlers)]
        committer = self._thread(self._commit, "committer", Thread.COMMITTER)
        with self._telemetry.at_work(self._name, self._lane, Thread.POLLER, Activity.POLL):
            try:
                self._work()
            finally:
                self._stopping.set()
                self._flow.close()
                committer.join()
                self._transport.close()  # before the handlers end: the partitions are wanted elsewhere
                for handler in handlers:
                    handler.join(ABANDONED_AFTER_S)
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        with suppress(Stopped):
            self._patiently(self._subscribe)
        while not self._stopping.is_set():
            self._poll()
        self._flow.revoke(set(self._held), deadline_s=0 if self._failure else self._pace.revoke_deadline_s)

    def _subscribe(self) -> None:
        topic = self._worker.desk.step.consumes
        self._transport.subscribe(topic, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
        self._standing.subscribed()

    @property
    def name(self) -> str:
        """The stage's name; the names of its threads begin with it."""
        return self._name

    @property
    def in_flight(self) -> int:
        """Messages admitted and neither committed nor dropped."""
        return self._flow.in_flight

    @property
    def failure(self) -> BaseException | None:
        """What went wrong in one of the threads: known before `run`, which waits for the others, raises it."""
        return self._failure

    def why_not_ready(self) -> str | None:
        """Return one line that says why nobody should count on this crew; None where all is well."""
        return self._standing.why_not_ready() if self._failure is None else f"{self._name}: {self._failure}"

    def stop(self) -> None:
        """Ask `run` to return: queued work is dropped, running work is committed or dropped at the deadline."""
        self._stopping.set()

    def _poll(self) -> None:
        # A pause throws away what was fetched ahead, and a resume may take a second: only a stage pauses that is so
        # slow that what it has in hand lasts much longer. Any other takes messages as room for them appears.
        if not self._wait_for_room(0.5):
            self._transport.pause()
            while not self._wait_for_room(0.05) and not self._stopping.is_set():
                self._flow.admit(self._transport.poll(limit=1, timeout_s=0))
                self._measure_lag()
            self._transport.resume()
        self._flow.admit(self._transport.poll(limit=max(1, self._flow.room), timeout_s=0.1))
        self._measure_lag()

    def _wait_for_room(self, timeout_s: float) -> bool:
        if not self._flow.full:
            return True
        with self._waiting():
            return self._flow.wait_for_room(timeout_s)

    def _measure_lag(self) -> None:
        self._standing.polled()
        if time.monotonic() - self._lag_at_s >= LAG_EVERY_S:
            behind = sum(self._transport.lag().values())
            self._lag.measure(behind, in_hand=self._flow.in_flight, oldest_ms=self._flow.oldest_ms)
            self._lag_at_s = time.monotonic()

    def _assigned(self, partitions: Collection[Partition]) -> None:
        self._held |= set(partitions)
        self._flow.assign(partitions)
        self._standing.assigned()
        self._note_change("assigned")

    def _revoked(self, partitions: Collection[Partition]) -> None:
        self._held -= set(partitions)
        with self._spending(Activity.REBALANCE):
            self._flow.revoke(partitions, deadline_s=self._pace.revoke_deadline_s)
        self._note_change("revoked")

    def _lost(self, partitions: Collection[Partition]) -> None:
        self._held -= set(partitions)
        self._flow.lose(partitions)
        if not self._held:
            self._standing.lost()
        self._note_change("lost")

    def _note_change(self, change: str) -> None:
        self._telemetry.count(REBALANCES, self._name, self._lane, change)
        self._telemetry.set(PARTITIONS, len(self._held), self._name, self._lane)

    def _handle(self) -> None:
        while tickets := self._take():
            messages = [ticket.message for ticket in tickets]
            start, waited_s = time.perf_counter(), self._worker.waited_s
            answers = self._patiently(partial(self._worker.answer, messages))
            self._flow.finish(tickets, answers)
            seconds = time.perf_counter() - start
            self._telemetry.observe(BATCH_MESSAGES, len(messages), self._name, self._lane)
            self._learn(len(messages), seconds - (self._worker.waited_s - waited_s))

    def _learn(self, messages: int, seconds: float) -> None:
        if seconds > self._pace.batch_target_s:
            self._batch = max(1, messages // 2)
        elif seconds < self._pace.batch_target_s / 2 and messages == self._batch:
            self._batch = min(self._pace.max_batch, 2 * messages)
        self._telemetry.set(BATCH_LIMIT, self._batch, self._name, self._lane)

    def _take(self) -> list[Ticket[Answer]]:
        with self._waiting():
            return self._flow.take(count=self._batch, age_s=self._pace.batch_age_s)

    def _commit(self) -> None:
        while tickets := self._collect():
            self._patiently(partial(self._publish, tickets))
            self._flow.release(tickets)

    def _collect(self) -> list[Ticket[Answer]]:
        with self._spending(Activity.IDLE):
            return self._flow.collect(limit=500)

    def _publish(self, tickets: Sequence[Ticket[Answer]]) -> None:
        """Publish what is still ours: a partition that was lost between two tries has a new owner, who answers too."""
        membership = self._transport.membership()  # first, so that it is none that began after a lease had ended
        held = self._flow.held(tickets)
        answers = [ticket.answer for ticket in held if ticket.answer is not None]
        if answers:
            offsets = {ticket.lease.partition: ticket.message.offset + 1 for ticket in held}
            self._worker.publish(answers, Positions(offsets, membership))
            now_s = time.monotonic()
            for ticket in held:
                self._telemetry.observe(STAGE_SECONDS, now_s - ticket.admitted_s, self._name, self._lane)

    def _patiently(self, call: Callable[[], T]) -> T:
        result = self._patience(call)
        self._standing.well()
        return result

    def _spending(self, activity: Activity) -> AbstractContextManager[None]:
        return self._telemetry.spending(self._name, self._lane, activity)

    def _waiting(self) -> AbstractContextManager[None]:
        return self._telemetry.waiting(self._name, self._lane, self._flow.waits_s)

    def _note_retry(self, attempt: int, reason: str) -> None:
        self._telemetry.count(RETRIES, self._name, self._lane)
        self._standing.troubled(reason)
        log.warning("batch_retried", stage=self._name, attempt=attempt, reason=reason)

    def _thread(self, target: Callable[[], None], name: str, kind: Thread) -> threading.Thread:
        def guarded() -> None:
            try:
                with self._telemetry.at_work(self._name, self._lane, kind, Activity.EVENTS):
                    target()
            except Stopped:
                self._flow.close()  # what this thread held is never released: nobody should wait for it
            except BaseException as error:  # raised again by run()
                self._failure = self._failure or error
                self._stopping.set()
                self._flow.close()

        thread = threading.Thread(target=guarded, name=f"{self._name}-{name}", daemon=True)
        thread.start()
        return thread
