"""What conservation needs to know of a message, without parsing its event: a topic may hold a hundred thousand."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from schemas.headers import WIRE_NAMES
from streams.transport import Message

OUR_BEGINNING = re.compile(rb'\{"schema_version":\d+,"acquisition":\{"acquisition_id":"([^"\\]{1,128})"')
"""How every event of ours begins; twenty times as fast as parsing it."""
ID, SOURCE, RETRY_OF, ATTEMPT = (WIRE_NAMES[name] for name in ("id", "source", "retry_of", "attempt"))


class Delivery(NamedTuple):
    """What a stage is asked to answer: an acquisition, first or retried. A repeat has the same."""

    acquisition_id: str
    retry_of: str
    attempt: int


class Sighting(NamedTuple):
    """A message on a topic. ``delivery`` is None where no acquisition can be made out: its place is its identity."""

    delivery: Delivery | None
    event_id: str
    source: str
    partition: int
    offset: int
    timestamp_ms: int


def sighting_of(message: Message) -> Sighting:
    """Read off a message what is needed."""
    headers = dict(message.headers)
    acquisition = acquisition_in(message.value or b"")
    return Sighting(
        Delivery(acquisition, _text(headers, RETRY_OF), _attempt(headers)) if acquisition else None,
        _text(headers, ID),
        _text(headers, SOURCE),
        message.partition.number,
        message.offset,
        message.timestamp_ms,
    )


def acquisition_in(value: bytes) -> str | None:
    """Return the acquisition of an event, whoever wrote it; None where it has none."""
    beginning = OUR_BEGINNING.match(value)
    if beginning:
        return beginning[1].decode(errors="replace")
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    acquisition = fields.get("acquisition") if isinstance(fields, dict) else None
    identity = acquisition.get("acquisition_id") if isinstance(acquisition, dict) else None
    return identity if isinstance(identity, str) and identity else None


def _text(headers: Mapping[str, bytes | None], name: str) -> str:
    return (headers.get(name) or b"").decode(errors="replace")


def _attempt(headers: Mapping[str, bytes | None]) -> int:
    digits = headers.get(ATTEMPT) or b"1"
    return int(digits) if digits.isdigit() and len(digits) < 10 else 1
