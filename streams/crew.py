"""The threads of one worker: one that polls, some that answer, one that commits."""

import math
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from streams.flow import Flow, Ticket
from streams.patience import Patience, Stopped
from streams.ports import Partition, Positions, Transport
from streams.telemetry import IN_FLIGHT, LAG, RETRIES, SECONDS, STAGE_SECONDS, Activity, Telemetry
from streams.worker import Answer, Worker

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
        self._name = worker.desk.stage.name
        self._flow: Flow[Answer] = Flow(max_messages=pace.max_in_flight, max_bytes=pace.max_in_flight_bytes)
        self._stopping = threading.Event()
        self._patiently = Patience(pace.patience_s, self._stopping, self._note_retry)
        self._failure: BaseException | None = None
        self._held: set[Partition] = set()
        self._batch = 1
        self._lag_at_s = -math.inf

    def run(self) -> None:
        """Work until `stop`."""
        handlers = [self._thread(self._handle, f"handler-{n}") for n in range(self._pace.handlers)]
        committer = self._thread(self._commit, "committer")
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

    def stop(self) -> None:
        """Ask `run` to return: queued work is dropped, running work is committed or dropped at the deadline."""
        self._stopping.set()

    def _poll(self) -> None:
        # A pause throws away what was fetched ahead, and a resume may take a second: only a stage pauses that is so
        # slow that what it has in hand lasts much longer. Any other takes messages as room for them appears.
        if not self._flow.wait_for_room(0.5):
            self._transport.pause()
            while not self._flow.wait_for_room(0.05) and not self._stopping.is_set():
                self._flow.admit(self._transport.poll(limit=1, timeout_s=0))
                self._measure_lag()
            self._transport.resume()
        start_s = time.thread_time()
        self._flow.admit(self._transport.poll(limit=max(1, self._flow.room), timeout_s=0.1))
        self._telemetry.count(SECONDS, self._name, Activity.POLL, by=time.thread_time() - start_s)
        self._telemetry.set(IN_FLIGHT, self._flow.in_flight, self._name)
        self._measure_lag()

    def _measure_lag(self) -> None:
        if time.monotonic() - self._lag_at_s >= LAG_EVERY_S:
            self._telemetry.set(LAG, sum(self._transport.lag().values()), self._name)
            self._lag_at_s = time.monotonic()

    def _assigned(self, partitions: Collection[Partition]) -> None:
        self._held |= set(partitions)
        self._flow.assign(partitions)

    def _revoked(self, partitions: Collection[Partition]) -> None:
        self._held -= set(partitions)
        self._flow.revoke(partitions, deadline_s=self._pace.revoke_deadline_s)

    def _lost(self, partitions: Collection[Partition]) -> None:
        self._held -= set(partitions)
        self._flow.lose(partitions)

    def _handle(self) -> None:
        while tickets := self._take():
            messages = [ticket.message for ticket in tickets]
            start, waited_s = time.perf_counter(), self._worker.waited_s
            answers = self._patiently(partial(self._worker.answer, messages))
            self._flow.finish(tickets, answers)
            seconds = time.perf_counter() - start
            self._telemetry.observe(STAGE_SECONDS, seconds, self._name)
            self._learn(len(messages), seconds - (self._worker.waited_s - waited_s))

    def _learn(self, messages: int, seconds: float) -> None:
        if seconds > self._pace.batch_target_s:
            self._batch = max(1, messages // 2)
        elif seconds < self._pace.batch_target_s / 2 and messages == self._batch:
            self._batch = min(self._pace.max_batch, 2 * messages)

    def _take(self) -> list[Ticket[Answer]]:
        with self._telemetry.spending(self._name, Activity.IDLE):
            return self._flow.take(count=self._batch, age_s=self._pace.batch_age_s)

    def _commit(self) -> None:
        while tickets := self._flow.collect(limit=500):
            self._patiently(partial(self._publish, tickets))
            self._flow.release(tickets)

    def _publish(self, tickets: Sequence[Ticket[Answer]]) -> None:
        """Publish what is still ours: a partition that was lost between two tries has a new owner, who answers too."""
        membership = self._transport.membership()  # first, so that it is none that began after a lease had ended
        held = self._flow.held(tickets)
        answers = [ticket.answer for ticket in held if ticket.answer is not None]
        if answers:
            offsets = {ticket.lease.partition: ticket.message.offset + 1 for ticket in held}
            self._worker.publish(answers, Positions(offsets, membership))

    def _note_retry(self, attempt: int, reason: str) -> None:
        self._telemetry.count(RETRIES, self._name)
        log.warning("batch_retried", stage=self._name, attempt=attempt, reason=reason)

    def _thread(self, target: Callable[[], None], name: str) -> threading.Thread:
        def guarded() -> None:
            try:
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
