"""One message on its way through a worker, growing as the path goes on."""

import base64
import hashlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid5

from schemas.events import DEAD_LETTER_TYPE, IMAGE_EVENT_TYPE, DeadLetter, ImageEvent, OriginalMessage
from schemas.headers import ATTEMPT, WIRE_NAMES, Headers
from schemas.image import NAMESPACE, event_id_of, outcome_key
from schemas.model import Record
from schemas.scores import Selection
from stages.stage import Part, Stage, Task
from streams.pipeline import DEAD_LETTERS, Step
from streams.ports import Message, Outgoing, Settlement, SettlementId, State
from streams.scrutiny import one_line, read_event

MAX_LETTER_BYTES = 960_000
"""The largest dead letter; key and headers need some room beside it."""
MAX_KEY_BYTES = 1_000
"""The longest key that a dead letter shares with its message."""


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
    headers = job.headers.followed_by(id=identity, type=IMAGE_EVENT_TYPE, source=f"/{desk.stage.name}", time=now)
    return Outgoing(desk.step.produces, job.message.key, event.to_json(), headers.to_wire())


def dead_letter(message: Message, reason: str, desk: Desk, now: datetime, job: Job | None = None) -> Outgoing:
    """Return the dead letter of a message: the original, unchanged, with the context of its failure."""
    event = job.event if job else None
    letter = DeadLetter(
        stage=desk.stage.name,
        reason=one_line(reason),
        error_class="invalid_image" if event else "malformed_event",
        acquisition_id=event.acquisition.acquisition_id if event else None,
        image_id=event.image.image_id if event else None,
        source_name=event.acquisition.source_name if event else None,
        attempt=job.headers.attempt if job else _attempt_of(message),
        failed_at=now,
        host=socket.gethostname(),
        original=None,
    )
    place = f"{message.partition.topic}/{message.partition.number}/{message.offset}"
    identity = f"{letter.acquisition_id or place}\n{desk.stage.name}\n{desk.lane}\n{desk.pipeline}\n{letter.attempt}"
    headers = Headers(
        id=str(uuid5(NAMESPACE, f"deadletter\n{identity}")),
        type=DEAD_LETTER_TYPE,
        source=f"/{desk.stage.name}",
        subject=letter.image_id or place,
        time=now,
    )
    key = message.key if len(message.key or b"") <= MAX_KEY_BYTES else None
    return Outgoing(DEAD_LETTERS, key, _with_original(letter, message), headers.to_wire())


def _attempt_of(message: Message) -> int:
    """Return the attempt of a message whose other headers may be anything."""
    marks = [value or b"" for name, value in message.headers if name == WIRE_NAMES["attempt"]]
    return int(marks[-1]) if marks and ATTEMPT.fullmatch(marks[-1].decode("ascii", "replace")) else 1


def _with_original(letter: DeadLetter, message: Message) -> bytes:
    """Return the letter with as much of its message as it can hold: all of it, all but the value, or only its place."""
    whole = OriginalMessage(
        topic=message.partition.topic,
        partition=message.partition.number,
        offset=message.offset,
        timestamp_ms=message.timestamp_ms,
        key_base64=_base64(message.key),
        value_base64=_base64(message.value),
        headers=tuple((name, _base64(value)) for name, value in message.headers),
    )
    data = letter.but(original=whole).to_json()
    if len(data) <= MAX_LETTER_BYTES:
        return data
    sha256 = hashlib.sha256(message.value or b"").hexdigest()
    referred = whole.but(value_base64=None, size_bytes=message.size_bytes, sha256=sha256)
    data = letter.but(original=referred).to_json()
    if len(data) <= MAX_LETTER_BYTES:
        return data
    return letter.but(original=referred.but(key_base64=None, headers=())).to_json()


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()
