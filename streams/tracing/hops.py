"""The spans of a stage: each begins when a message is read, and ends when its answer is committed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from streams.job import Desk, Job
from streams.tracing.harmless import Harmless
from streams.tracing.place import Delivery, place_of
from streams.tracing.span import Facts, Phase, Role, Span, Tracer

COMMIT = "commit"


class Phases:
    """What the steps of a batch took, as they end one after the other; nothing where nobody wants to know."""

    def __init__(self, now: Callable[[], datetime] | None) -> None:
        self._now = now
        self._since = now() if now else None
        self.found: list[Phase] = []

    def end(self, name: str) -> None:
        """Note that a step has ended, and that the next begins."""
        if self._now and self._since:
            ended = self._now()
            self.found.append(Phase(name, self._since, ended))
            self._since = ended


@dataclass(frozen=True)
class Hop:
    """An answered message that is yet to be committed, and what is told of it then."""

    span: Span
    facts: Facts
    failure: str | None
    phases: tuple[Phase, ...]
    harmless: Harmless

    def end(self, at: datetime) -> None:
        """Tell of it: it is committed."""
        commit = [Phase(COMMIT, self.phases[-1].ended, at)] if self.phases else []
        phases = [*self.phases, *commit]
        self.harmless(lambda: self.span.end(at, self.facts, phases=phases, failure=self.failure))


@dataclass(frozen=True)
class Hops:
    """Makes the spans of a desk."""

    tracer: Tracer
    desk: Desk
    now: Callable[[], datetime]
    harmless: Harmless = field(default_factory=Harmless)

    def begun(self, job: Job) -> Span | None:
        """Begin the span of a message; None where that fails."""
        return self.harmless(lambda: self._begun(job))

    def _begun(self, job: Job) -> Span:
        desk, event, headers = self.desk, job.event, job.headers
        stage, attempt = desk.stage.name, headers.attempt
        acquisition = event.acquisition
        marks = (headers.replay_of, headers.retry_of, attempt)
        delivery = Delivery(acquisition.acquisition_id, acquisition.published_at, desk.lane, *marks)
        place = place_of(delivery, headers.traceparent, stage, desk.lane, desk.pipeline, str(attempt))
        facts: Facts = {
            "semstream.stage": stage,
            "semstream.lane": desk.lane,
            "semstream.pipeline": desk.pipeline,
            "semstream.image_id": event.image.image_id,
            "semstream.acquisition_id": acquisition.acquisition_id,
            "semstream.attempt": attempt,
            "messaging.system": "kafka",
            "messaging.destination.name": job.message.partition.topic,
            "messaging.destination.partition.id": str(job.message.partition.number),
            "messaging.kafka.offset": job.message.offset,
        }
        return self.tracer.begin(stage, place, Role.ANSWERS, self.now(), facts)

    def answered(self, job: Job, outcome: str, *, phases: Phases, batch: int) -> Hop | None:
        """Return what will be told of an answered message."""
        if job.span is None:
            return None
        computed = len(job.computed)
        facts: Facts = {
            "semstream.outcome": outcome,
            "semstream.source": _source(computed, len(job.records)),
            "semstream.parts.computed": computed,
            "semstream.parts.known": len(job.records) - computed,
            "semstream.batch": batch,
        }
        failure = None if outcome == "done" else job.rejection or outcome
        return Hop(job.span, facts, failure, tuple(phases.found), self.harmless)


def _source(computed: int, parts: int) -> str:
    """Say where an image's parts came from."""
    if not parts:
        return "none"
    if computed == parts:
        return "computed"
    return "some cached" if computed else "cached"
