"""What is asked of a message before it is believed: who publishes to a topic may be anybody, with any bug."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson
from pydantic import ValidationError

from schemas.events import IMAGE_EVENT_TYPE, ImageEvent
from schemas.headers import BadHeaders, Headers
from schemas.image import image_id_of
from streams.errors import InvalidImage
from streams.transport import Message

MAX_VALUE_BYTES = 1_000_000
"""The largest event that Kafka carries as it comes; a foreign topic may allow more."""
MAX_ENVELOPE_BYTES = 32_768
"""Of key and headers together: every answer carries them on."""
MAX_REASON = 500
"""Characters of a reason: it may quote what a hostile message holds."""
MAJOR = 1
"""Of the event's schema version."""
FUTURE = timedelta(hours=24)
"""How far a producer's clock may be ahead: a wrong zone passes, a wrong year does not."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""No image is older; a rebuilt event, whose publication nobody knows, has this moment."""
IDENTITY = re.compile(r"[!-9;-~]{1,128}")
"""What may identify: visible ASCII without the colon, which separates the parts of an outcome's key."""
MAX_NAME = 4096
"""Characters of a source's name."""


def read_event(message: Message, *, now: datetime) -> tuple[Headers, ImageEvent]:
    """Return the headers and the event of a message.

    Raises
    ------
    InvalidImage
        If it is no image event, or one that is not to be believed; the reason, one line, names the field.
    """
    if not message.value:
        raise InvalidImage("no image event: there is no value")
    if message.size_bytes > MAX_VALUE_BYTES:
        raise InvalidImage(f"an event of {message.size_bytes} bytes; {MAX_VALUE_BYTES} can travel")
    envelope_bytes = len(message.key or b"") + sum(len(name) + len(value or b"") for name, value in message.headers)
    if envelope_bytes > MAX_ENVELOPE_BYTES:
        raise InvalidImage(f"key and headers of {envelope_bytes} bytes; {MAX_ENVELOPE_BYTES} can travel")
    try:
        headers = Headers.from_wire(message.headers)
        if headers.type != IMAGE_EVENT_TYPE:
            raise InvalidImage(one_line(f"an event of type '{headers.type}', not {IMAGE_EVENT_TYPE}"))
        event = ImageEvent.from_json(message.value)
    except BadHeaders as error:
        raise InvalidImage(str(error)) from error
    except ValidationError as error:
        raise InvalidImage(one_line(_why_no_event(message.value, error))) from error
    for doubt in _doubts(event, headers, now):
        raise InvalidImage(one_line(doubt))
    return headers, event


def one_line(text: str) -> str:
    r"""Return a reason on one line, printable and of a bounded length.

    >>> one_line("too\ndark \0")
    'too dark \\x00'
    """
    line = " ".join(text[: 4 * MAX_REASON].split())
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)[:MAX_REASON]


def _why_no_event(value: bytes, error: ValidationError) -> str:
    version = _version_in(value)
    if version is not None and version // 100 != MAJOR:
        return _unknown_version(version)
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    return f"no image event: {where + ': ' if where else ''}{first['msg']}"


def _version_in(value: bytes) -> int | None:
    """Return the schema version of what need not even be JSON."""
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    version = fields.get("schema_version") if isinstance(fields, dict) else None
    return version if isinstance(version, int) else None


def _unknown_version(version: int) -> str:
    return f"schema version {version} is unknown here: an event of this type has {100 * MAJOR} to {100 * MAJOR + 99}"


def _doubts(event: ImageEvent, headers: Headers, now: datetime) -> Iterator[str]:
    """Say why an event that is well-formed is not to be believed: it would spoil what is kept of other images."""
    acquisition, image = event.acquisition, event.image
    if event.schema_version // 100 != MAJOR:
        yield _unknown_version(event.schema_version)
    if headers.time > now + FUTURE:
        yield f"header ce_time {headers.time.isoformat()} is in the future; set the producer's clock right"
    if doubt := _doubt_of(acquisition.published_at, now):
        yield f"acquisition.published_at {acquisition.published_at.isoformat()} {doubt}"
    if image.image_id != image_id_of(image.object.sha256, image.page):
        yield f"image.image_id '{image.image_id}' is not that of its object and page, which begins the object's sha256"
    for name, text in (("acquisition.acquisition_id", acquisition.acquisition_id), ("image.version", image.version)):
        if not IDENTITY.fullmatch(text):
            yield f"{name} is no identity: 1 to 128 visible characters, no space and no colon"
    if "\0" in acquisition.source_name or len(acquisition.source_name) > MAX_NAME:
        yield f"acquisition.source_name holds a zero byte or more than {MAX_NAME} characters"


def _doubt_of(published_at: datetime, now: datetime) -> str | None:
    if published_at.tzinfo is None:
        return "has no zone; write it with one, such as Z"
    if published_at < EPOCH:
        return "is before 1970; set the producer's clock right"
    return "is in the future; set the producer's clock right" if published_at > now + FUTURE else None
