"""One message on its way through a worker, growing as the path goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from schemas.events import IMAGE_EVENT_TYPE, ImageEvent
from schemas.headers import Headers
from schemas.image import event_id_of, outcome_key
from schemas.model import Record
from schemas.scores import Selection
from stages.stage import Part, Stage, Task
from streams.letters import Refusal, letter_about
from streams.pipeline import Step
from streams.ports import Settlement, SettlementId, State
from streams.scrutiny import read_event
from streams.tracing.span import Span
from streams.transport import Message, Outgoing


@dataclass(frozen=True)
class Desk:
    """Where a message is answered: a stage, in a lane, for a pipeline."""

    step: Step
    lane: str
    pipeline: str

    @property
    def stage(self) -> Stage:
        """The stage."""
        return self.step.stage


@dataclass(frozen=True)
class Job:
    """A parsed message, the parts it asks for, what is known of them, and why it cannot be done, if so."""

    message: Message
    headers: Headers
    event: ImageEvent
    parts: Mapping[str, str]
    """Config hash by part."""
    records: Mapping[str, Record] = field(default_factory=dict)
    """What is known, by part."""
    task: Task | None = None
    computed: Mapping[str, Part] = field(default_factory=dict)
    rejection: str | None = None
    span: Span | None = None
    """Where traces are told."""

    @property
    def traceparent(self) -> str | None:
        """What its answer carries: that of its own span; what came goes on where it has none."""
        return self.span.traceparent if self.span else None

    @property
    def missing(self) -> tuple[str, ...]:
        """Parts that nobody has computed yet."""
        return tuple(name for name in self.parts if name not in self.records)

    @property
    def open(self) -> bool:
        """Whether anything is to be computed."""
        return self.rejection is None and bool(self.missing)

    def key(self, desk: Desk, part: str) -> str:
        """Outcome key of a part."""
        return outcome_key(self.event.image, desk.stage.name, self.parts[part])

    def settlement_id(self, desk: Desk) -> SettlementId:
        """Identify the answer to this message."""
        acquisition = self.event.acquisition.acquisition_id
        return SettlementId(acquisition, desk.stage.name, desk.lane, desk.pipeline, self.headers.attempt)

    def settlement(self, desk: Desk, now: datetime) -> Settlement:
        """Return the answer to this message as the ledger keeps it."""
        return Settlement(
            id=self.settlement_id(desk),
            image_id=self.event.image.image_id,
            version=self.event.image.version,
            source_name=self.event.acquisition.source_name,
            state=State.DONE if self.rejection is None else State.REJECTED,
            settled_at=now,
            reason=self.rejection,
            computed=tuple(self.computed),
            chosen=next((record.chosen for record in self.records.values() if isinstance(record, Selection)), None),
        )


def parse(message: Message, desk: Desk, *, now: datetime) -> Job:
    """Parse a message.

    Raises
    ------
    InvalidImage
        If it is no image event, or one that is not to be believed; the reason, one line, names the field.
    """
    headers, event = read_event(message, now=now)
    return Job(message, headers, event, desk.stage.parts(event))


def done_event(job: Job, event: ImageEvent, desk: Desk, now: datetime) -> Outgoing:
    """Return the event that a finished job publishes."""
    identity = event_id_of(event.acquisition.acquisition_id, desk.stage.name, desk.lane, desk.pipeline)
    headers = job.headers.followed_by(
        id=identity, type=IMAGE_EVENT_TYPE, source=f"/{desk.stage.name}", time=now, traceparent=job.traceparent
    )
    return Outgoing(desk.step.produces, job.message.key, event.to_json(), headers.to_wire())


def dead_letter(message: Message, reason: str, desk: Desk, now: datetime, job: Job | None = None) -> Outgoing:
    """Return the dead letter of a message: the original, unchanged, with the context of its failure."""
    refusal = Refusal(
        reason=reason,
        stage=desk.stage.name,
        lane=desk.lane,
        pipeline=desk.pipeline,
        event=job.event if job else None,
        attempt=job.headers.attempt if job else None,
        traceparent=job.traceparent if job else None,
    )
    return letter_about(message, refusal, now)
