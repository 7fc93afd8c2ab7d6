"""The letter about a message that cannot be processed."""

import base64
import hashlib
import socket
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid5

from schemas.events import DEAD_LETTER_TYPE, DeadLetter, ImageEvent, OriginalMessage
from schemas.headers import ATTEMPT, WIRE_NAMES, Headers
from schemas.image import NAMESPACE
from streams.pipeline import DEAD_LETTERS
from streams.scrutiny import one_line
from streams.transport import Message, Outgoing

MAX_LETTER_BYTES = 960_000
"""The largest dead letter; key and headers need some room beside it."""
MAX_KEY_BYTES = 1_000
"""The longest key that a dead letter shares with its message."""


@dataclass(frozen=True)
class Refusal:
    """Why a message cannot be processed, where that was found, and the event in it as far as there is one."""

    reason: str
    stage: str
    lane: str
    pipeline: str
    event: ImageEvent | None = None
    attempt: int | None = None
    """That of its headers; where they could not be read either, it is looked for."""
    traceparent: str | None = None
    """Of the span that tells of the refusal."""


def letter_about(message: Message, refusal: Refusal, now: datetime) -> Outgoing:
    """Return the dead letter of a message: the original, unchanged, with the context of its failure."""
    event = refusal.event
    letter = DeadLetter(
        stage=refusal.stage,
        reason=one_line(refusal.reason),
        error_class="invalid_image" if event else "malformed_event",
        acquisition_id=event.acquisition.acquisition_id if event else None,
        image_id=event.image.image_id if event else None,
        source_name=event.acquisition.source_name if event else None,
        attempt=refusal.attempt or _attempt_of(message),
        failed_at=now,
        host=socket.gethostname(),
        original=None,
    )
    place = f"{message.partition.topic}/{message.partition.number}/{message.offset}"
    identity = (
        f"{letter.acquisition_id or place}\n{refusal.stage}\n{refusal.lane}\n{refusal.pipeline}\n{letter.attempt}"
    )
    headers = Headers(
        id=str(uuid5(NAMESPACE, f"deadletter\n{identity}")),
        type=DEAD_LETTER_TYPE,
        source=f"/{refusal.stage}",
        subject=letter.image_id or place,
        time=now,
        traceparent=refusal.traceparent,
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
