"""The path of a batch, read top to bottom: what every stage's worker does, whatever the stage.

1. `Transport.poll` and 8. `Transport.commit` are called by the `streams.crew.Crew` that a worker's threads form.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

import structlog
from pydantic import ValidationError

from schemas.model import Record
from schemas.scores import Candidate
from stages.stage import Part
from streams.computation import Computation
from streams.dead_letter_limit import DeadLetterLimit
from streams.errors import InvalidImage
from streams.execution import Compute
from streams.job import Desk, Job, dead_letter, done_event, parse
from streams.ports import OutcomeRow, Settled, State
from streams.surroundings import Surroundings
from streams.telemetry import Activity
from streams.telemetry.answered import MALFORMED, Answered, begin_counts, note_answers
from streams.telemetry.catalogue import PART_BYTES, PARTS
from streams.tracing.hops import Hop, Hops, Phases
from streams.transport import Message, Outgoing, Positions, Transport

MAX_EVENT_BYTES = 700_000
"""Brokers take 1 MB a message, and a dead letter holds the event in base64."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Answer:
    """What a message comes to: one event, outcome bodies worth remembering, and what telemetry is told of it."""

    event: Outgoing
    bodies: dict[str, bytes]
    answered: Answered = MALFORMED
    hop: Hop | None = None


class Worker:
    """One stage at its desk: `answer` is steps 2 to 7, `publish` steps 8 and 9."""

    def __init__(
        self,
        desk: Desk,
        transport: Transport,
        around: Surroundings,
        *,
        compute: Compute | None = None,
        limit: DeadLetterLimit | None = None,
    ) -> None:
        self.desk = desk
        self._transport = transport
        self._around = around
        self._computation = Computation(desk, around, compute or desk.stage)
        self._limit = limit
        self._hops = Hops(around.tracer, desk, around.now) if around.tracer else None
        begin_counts(around.telemetry, desk.stage.name, desk.lane)

    @property
    def waited_s(self) -> float:
        """Seconds that the calling thread has waited for others to compute, ever."""
        return self._around.slots.waited_s

    def answer(self, messages: Sequence[Message]) -> list[Answer]:
        """Answer each message with one event; nothing is published yet, but everything it speaks of is durable."""
        phases = Phases(self._around.now if self._hops else None)
        parsed = [self._parse(message) for message in messages]
        jobs = [job for job in parsed if isinstance(job, Job)]
        recalled = self._recall(jobs)
        phases.end("recall")
        jobs = self._computation.of(recalled)
        phases.end("compute")
        with self._limited(malformed=len(parsed) - len(jobs), recalled=recalled, computed=jobs):
            with self.spending(Activity.STORE):
                jobs = [self._store(job) for job in jobs]
            phases.end("store")
            self._note_computed(jobs)
            settled = self._settle(jobs)
            phases.end("settle")
        answers = iter(self._traced(jobs, [self._answer(job, settled) for job in jobs], phases))
        return [next(answers) if isinstance(job, Job) else job for job in parsed]

    def _parse(self, message: Message) -> Job | Answer:
        """2. Parse; what is malformed goes to the dead letters."""
        try:
            job = parse(message, self.desk, now=self._around.now())
        except InvalidImage as error:
            log.warning("event_malformed", stage=self.desk.stage.name, reason=str(error))
            return Answer(dead_letter(message, str(error), self.desk, self._around.now()), {})
        return replace(job, span=self._hops.begun(job)) if self._hops else job

    def _recall(self, jobs: list[Job]) -> list[Job]:
        """3. What the cache or the ledger knows is not computed again; a rejection answers only the same delivery."""
        with self.spending(Activity.RECALL):
            wanted = {job.key(self.desk, part): part for job in jobs for part in job.parts}
            cached = self._around.cache.get(wanted.keys())
            absent = wanted.keys() - set(cached)
            known = {**cached, **(self._around.ledger.bodies(absent) if absent else {})}
            jobs = [self._recalled(job, known) for job in jobs]
            unsettled = [job.settlement_id(self.desk) for job in jobs if job.missing]
            rejected = self._around.ledger.settlements(unsettled) if unsettled else {}
        self._count_parts("cache", Counter(wanted[key] for key in cached))
        self._count_parts("ledger", Counter(wanted[key] for key in known if key not in cached))
        past = [rejected.get(job.settlement_id(self.desk)) for job in jobs]
        return [
            replace(job, rejection=answer.reason) if answer and answer.state is State.REJECTED else job
            for job, answer in zip(jobs, past, strict=True)
        ]

    def _recalled(self, job: Job, known: dict[str, bytes]) -> Job:
        stage = self.desk.stage
        keys = {part: job.key(self.desk, part) for part in job.parts}
        read = {part: _read(stage.record, known[key], key) for part, key in keys.items() if key in known}
        records = {part: record for part, record in read.items() if record is not None}
        refs = {part: r.object for part, r in records.items() if isinstance(r, Candidate) and r.object}
        vanished = {ref.key for ref in self._around.store.vanished(refs.values())}
        gone = [part for part, ref in refs.items() if ref.key in vanished]
        if gone:
            self._around.ledger.forget([job.key(self.desk, part) for part in gone])
        return replace(job, records={part: record for part, record in records.items() if part not in gone})

    def _limited(
        self, *, malformed: int, recalled: Sequence[Job], computed: Sequence[Job]
    ) -> AbstractContextManager[None]:
        """Stop before anything is settled where this stage rejects too much: that may be its own fault."""
        if self._limit is None:
            return nullcontext()
        new = [now.rejection is not None for before, now in zip(recalled, computed, strict=True) if before.open]
        return self._limit.noting([True] * malformed + new)

    def _store(self, job: Job) -> Job:
        """6. Put the new frames under keys derived from their content."""
        kept = {name: self._kept(part) for name, part in job.computed.items()}
        return replace(job, records={**job.records, **kept}) if kept else job

    def _kept(self, part: Part) -> Record:
        return part.record.but(object=self._around.frames.keep(part.frame)) if part.frame else part.record

    def _settle(self, jobs: list[Job]) -> Settled:
        """7. Write outcomes and settlements where none stand; what is published is what then stands."""
        now = self._around.now()
        rows = {
            key: OutcomeRow(key, job.records[part].to_json(), now)
            for job in jobs
            for part, key in [(part, job.key(self.desk, part)) for part in job.computed]
        }
        with self.spending(Activity.SETTLE):
            return self._around.ledger.settle(list(rows.values()), [job.settlement(self.desk, now) for job in jobs])

    def _answer(self, job: Job, settled: Settled) -> Answer:
        stage, now = self.desk.stage, self._around.now()
        settlement = settled.settlements[job.settlement_id(self.desk)]
        # An event that was answered before is rejected all the same where the answer's outcomes are lost.
        reason = settlement.reason or "" if settlement.state is State.REJECTED else job.rejection
        if reason is not None:
            log.warning("image_rejected", stage=stage.name, image_id=settlement.image_id, reason=reason)
            return Answer(dead_letter(job.message, reason, self.desk, now, job), {}, Answered(job.event))
        keys = {part: job.key(self.desk, part) for part in job.parts}
        winners = {part: settled.bodies[key] for part, key in keys.items() if key in settled.bodies}
        records = {**job.records, **{part: stage.record.from_json(body) for part, body in winners.items()}}
        ordered = {part: _marked(records[part], hit=part not in settlement.computed) for part in job.parts}
        extended = stage.extend(job.event, ordered)
        event = done_event(job, extended, self.desk, now)
        if len(event.value) > MAX_EVENT_BYTES:
            reason = f"stage {stage.name} makes its event {len(event.value)} bytes large; {MAX_EVENT_BYTES} can travel"
            return Answer(dead_letter(job.message, reason, self.desk, now, job), {}, Answered(job.event))
        return Answer(event, {keys[part]: body for part, body in winners.items()}, Answered(job.event, extended))

    def _traced(self, jobs: Sequence[Job], answers: list[Answer], phases: Phases) -> list[Answer]:
        """Add what is told of each answer when it is committed, where traces are told."""
        if self._hops is None:
            return answers
        hop = partial(self._hops.answered, phases=phases, batch=len(jobs))
        return [
            replace(answer, hop=hop(job, answer.answered.outcome)) for job, answer in zip(jobs, answers, strict=True)
        ]

    def publish(self, answers: Sequence[Answer], positions: Positions) -> None:
        """8. Publish the events and move the positions, both or neither; 9. remember, last of all."""
        with self.spending(Activity.COMMIT):
            self._transport.commit([answer.event for answer in answers], positions)
        with self.spending(Activity.REMEMBER):
            self._around.cache.put({key: body for answer in answers for key, body in answer.bodies.items()})
        told, now = [answer.answered for answer in answers], self._around.now()
        note_answers(self._around.telemetry, self.desk.stage.name, self.desk.lane, told, now)
        for hop in [answer.hop for answer in answers if answer.hop is not None]:
            hop.end(now)

    def spending(self, activity: Activity) -> AbstractContextManager[None]:
        """Charge the seconds of a block to an activity of this stage."""
        return self._around.telemetry.spending(self.desk.stage.name, self.desk.lane, activity)

    def _note_computed(self, jobs: Sequence[Job]) -> None:
        """Count what was computed, and the bytes of it that are stored."""
        self._count_parts("computed", Counter(part for job in jobs for part in job.computed))
        sizes = Counter[str]()
        for job in jobs:
            for part in job.computed:
                record = job.records[part]
                if isinstance(record, Candidate) and record.object:
                    sizes[part] += record.object.size_bytes
        for part, size in sizes.items():
            method = self._around.telemetry.methods.bounded(part)
            self._around.telemetry.count(PART_BYTES, self.desk.stage.name, self.desk.lane, method, by=size)

    def _count_parts(self, source: str, parts: Mapping[str, int]) -> None:
        for part, number in parts.items():
            method = self._around.telemetry.methods.bounded(part)
            self._around.telemetry.count(PARTS, self.desk.stage.name, self.desk.lane, method, source, by=number)


def _marked(record: Record, *, hit: bool) -> Record:
    return record.but(cache_hit=hit) if isinstance(record, Candidate) else record


def _read(kind: type[Record], body: bytes, key: str) -> Record | None:
    """Return what is known, or nothing where a cache holds what is no record: then it is computed again."""
    try:
        return kind.from_json(body)
    except ValidationError as error:
        log.warning("outcome_not_readable", key=key, reason=str(error.errors()[0]["msg"]))
        return None
