"""One message on its way through a worker, growing as the path goes on."""

import base64
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid5

from pydantic import ValidationError

from schemas.events import DEAD_LETTER_TYPE, IMAGE_EVENT_TYPE, DeadLetter, ImageEvent, OriginalMessage
from schemas.headers import BadHeaders, Headers
from schemas.image import NAMESPACE, event_id_of, outcome_key
from schemas.model import Record
from schemas.scores import Selection
from stages.stage import Part, Stage, Task
from streams.errors import InvalidImage
from streams.pipeline import DEAD_LETTERS, Step
from streams.ports import Message, Outgoing, Settlement, SettlementId, State


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


def parse(message: Message, desk: Desk) -> Job:
    """Parse a message.

    Raises
    ------
    InvalidImage
        If it is no image event; the reason names the field.
    """
    try:
        headers = Headers.from_wire(message.headers)
        if headers.type != IMAGE_EVENT_TYPE:
            raise InvalidImage(f"an event of type '{headers.type}', not {IMAGE_EVENT_TYPE}")
        event = ImageEvent.from_json(message.value or b"")
    except BadHeaders as error:
        raise InvalidImage(str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InvalidImage(f"no image event: {where}: {first['msg']}") from error
    return Job(message, headers, event, desk.stage.parts(event))


def done_event(job: Job, event: ImageEvent, desk: Desk, now: datetime) -> Outgoing:
    """Return the event that a finished job publishes."""
    identity = event_id_of(event.acquisition.acquisition_id, desk.stage.name, desk.lane, desk.pipeline)
    headers = job.headers.followed_by(id=identity, type=IMAGE_EVENT_TYPE, source=f"/{desk.stage.name}", time=now)
    return Outgoing(desk.step.produces, job.message.key, event.to_json(), headers.to_wire())


def dead_letter(message: Message, reason: str, desk: Desk, now: datetime, job: Job | None = None) -> Outgoing:
    """Return the dead letter of a message: the original, unchanged, with the context of its failure."""
    event = job.event if job else None
    attempt = job.headers.attempt if job else 1
    letter = DeadLetter(
        stage=desk.stage.name,
        reason=reason,
        error_class="invalid_image" if event else "malformed_event",
        acquisition_id=event.acquisition.acquisition_id if event else None,
        image_id=event.image.image_id if event else None,
        source_name=event.acquisition.source_name if event else None,
        attempt=attempt,
        failed_at=now,
        host=socket.gethostname(),
        original=_original(message),
    )
    place = f"{message.partition.topic}/{message.partition.number}/{message.offset}"
    identity = f"{letter.acquisition_id or place}\n{desk.stage.name}\n{desk.lane}\n{desk.pipeline}\n{attempt}"
    headers = Headers(
        id=str(uuid5(NAMESPACE, f"deadletter\n{identity}")),
        type=DEAD_LETTER_TYPE,
        source=f"/{desk.stage.name}",
        subject=letter.image_id or place,
        time=now,
    )
    return Outgoing(DEAD_LETTERS, message.key, letter.to_json(), headers.to_wire())


def _original(message: Message) -> OriginalMessage:
    return OriginalMessage(
        topic=message.partition.topic,
        partition=message.partition.number,
        offset=message.offset,
        timestamp_ms=message.timestamp_ms,
        key_base64=_base64(message.key),
        value_base64=_base64(message.value),
        headers=tuple((name, _base64(value)) for name, value in message.headers),
    )


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()
