"""Dead letters: finding them, and sending what they are about again."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from pydantic import ValidationError

from schemas.events import DeadLetter, OriginalMessage
from schemas.headers import WIRE_NAMES, BadHeaders, Headers
from streams.errors import InvalidImage, UsageError
from streams.pipeline import DEAD_LETTERS, LIVE
from streams.scrutiny import one_line
from streams.topic_log import TopicLog, message_at, stamped
from streams.transport import Message, Outgoing, Publisher, WireHeaders

RETRY_OF, ATTEMPT = WIRE_NAMES["retry_of"], WIRE_NAMES["attempt"]
TOPIC = re.compile(r"sem\.(?:(?P<lane>[a-z0-9_-]+)\.)?[a-z0-9_-]+")
"""Topics that a letter's message is sent to again, and no others: whoever writes a letter names one."""
AT_ONCE = 200


@dataclass(frozen=True)
class Letter:
    """A dead letter as it stands in the topic: its id (``ce_id``), its content, and when the broker got it."""

    id: str
    content: DeadLetter
    stamped: datetime

    @property
    def lane(self) -> str:
        """The lane of the message that it is about."""
        return lane_of(self.content.original.topic) if self.content.original else LIVE


def lane_of(topic: str) -> str:
    """Return a topic's lane.

    >>> lane_of("sem.images"), lane_of("sem.replay.images")
    ('live', 'replay')
    """
    found = TOPIC.fullmatch(topic)
    return (found["lane"] if found else None) or LIVE


@dataclass(frozen=True)
class Criteria:
    """Which letters are meant; what is None or empty says nothing. Ids are beginnings, ``reason`` is a part."""

    ids: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    stage: str | None = None
    reason: str | None = None
    image: str | None = None
    lane: str | None = None

    def admit(self, letter: Letter) -> bool:
        """Whether the letter is meant; the times are not looked at."""
        content = letter.content
        return (
            (not self.ids or letter.id.startswith(self.ids))
            and self.stage in (None, content.stage)
            and (self.reason or "").lower() in content.reason.lower()
            and self.lane in (None, letter.lane)
            and (self.image is None or _is_about(content, self.image))
        )


def _is_about(content: DeadLetter, image: str) -> bool:
    """Whether a letter is about an image named by the beginning of an id, by its source's name or that name's end."""
    ids = (content.image_id or "", content.acquisition_id or "")
    name = content.source_name or ""
    return any(found.startswith(image) for found in ids) or name == image or name.endswith(f"/{image}")


def letters(log: TopicLog, criteria: Criteria) -> Iterator[Letter]:
    """Read the letters that are meant, each partition's in order."""
    found = stamped(log, DEAD_LETTERS, since=criteria.since, until=criteria.until)
    return filter(criteria.admit, map(letter_in, found))


def letter_in(message: Message) -> Letter:
    """Return the letter in a message; what is none becomes one that says so."""
    place = f"{message.partition.topic}/{message.partition.number}/{message.offset}"
    stamp = datetime.fromtimestamp(message.timestamp_ms / 1000, UTC)
    try:
        content = DeadLetter.from_json(message.value or b"")
        _check_base64(content.original)
        return Letter(Headers.from_wire(message.headers).id, content, stamp)
    except (BadHeaders, ValidationError, binascii.Error) as error:
        content = DeadLetter(
            stage="unknown",
            reason=one_line(f"this is no dead letter: {error}"),
            error_class="no_dead_letter",
            acquisition_id=None,
            image_id=None,
            source_name=None,
            attempt=1,
            failed_at=stamp,
            host="",
            original=None,
        )
        return Letter(place, content, stamp)


def _check_base64(original: OriginalMessage | None) -> None:
    texts = [original.key_base64, original.value_base64, *(v for _, v in original.headers)] if original else []
    for text in texts:
        base64.b64decode(text or "")


@dataclass(frozen=True)
class Retry:
    """What is to be sent again for a letter; or why it cannot be; or what became of it, where it was retried before."""

    letter: Letter
    message: Outgoing | None = None
    refusal: str | None = None
    before: str | None = None


def retries(log: TopicLog, criteria: Criteria, *, before: Mapping[str, object] | None = None) -> Iterator[Retry]:
    """Yield what retrying the letters would send; ``before`` says what became of those that were retried already.

    A letter that was told twice, as a message is that was delivered twice, is sent once.
    """
    seen: set[str] = set()
    for letter in letters(log, criteria):
        if letter.id not in seen:
            seen.add(letter.id)
            known = (before or {}).get(letter.id)
            yield Retry(letter, before=str(known)) if known else _retry(log, letter)


def header(original: OriginalMessage | None, wanted: str) -> str:
    """Return a header of a letter's message as text; empty where it has none."""
    values = [value or "" for name, value in (original.headers if original else ()) if name == wanted]
    return base64.b64decode(values[-1]).decode("ascii", "replace") if values else ""


def _retry(log: TopicLog, letter: Letter) -> Retry:
    """Return the original message, its value and key byte for byte, with the marks of a retry among its headers."""
    try:
        topic, key, value, headers = _sent(log, letter.content)
    except (InvalidImage, UsageError) as error:
        return Retry(letter, refusal=str(error))
    kept = [(name, content) for name, content in headers if name not in (RETRY_OF, ATTEMPT)]
    marks = [(RETRY_OF, letter.id.encode()), (ATTEMPT, str(letter.content.attempt + 1).encode())]
    return Retry(letter, Outgoing(topic, key, value, [*kept, *marks]))


def _sent(log: TopicLog, content: DeadLetter) -> tuple[str, bytes | None, bytes, WireHeaders]:
    """Return topic, key, value and headers of a letter's message.

    Raises
    ------
    InvalidImage
        If it cannot be sent again; the reason says what to do.
    """
    original = content.original
    if original is None:
        raise InvalidImage("it never was a message: put the file right and publish it again")
    if not TOPIC.fullmatch(original.topic) or original.topic == DEAD_LETTERS:
        raise InvalidImage(f"it names the topic {one_line(original.topic)}, which is none of semstream's")
    if original.by_reference:
        found = _referred(log, original)
        return original.topic, found.key, found.value or b"", found.headers
    if original.value_base64 is None:
        raise InvalidImage("its message has no value, so there is nothing to send again")
    headers = [(name, _bytes(value)) for name, value in original.headers]
    return original.topic, _bytes(original.key_base64), base64.b64decode(original.value_base64), headers


def _referred(log: TopicLog, original: OriginalMessage) -> Message:
    """Return the message that a letter could not hold, from where it stands."""
    place = f"{original.topic}/{original.partition}/{original.offset}"
    what = f"its message, {original.size_bytes} bytes, stood at {place}"
    found = message_at(log, original.topic, original.partition, original.offset)
    if found is None:
        raise InvalidImage(f"{what} and is no longer there: let its producer publish it again")
    if hashlib.sha256(found.value or b"").hexdigest() != original.sha256:
        raise InvalidImage(f"{what}, where another one is now: let its producer publish it again")
    return found


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def send(publisher: Publisher, found: Iterable[Retry]) -> Iterator[Retry]:
    """Publish retries, some at once, and yield what became of each: sent, or refused and why."""
    rest = iter(found)
    while some := list(islice(rest, AT_ONCE)):
        try:
            publisher.publish([retry.message for retry in some if retry.message])
        except InvalidImage:  # one is too large for Kafka; nothing was sent
            yield from (_sent_alone(publisher, retry) for retry in some)
        else:
            yield from some


def _sent_alone(publisher: Publisher, retry: Retry) -> Retry:
    try:
        publisher.publish([retry.message] if retry.message else [])
    except InvalidImage as error:
        return Retry(retry.letter, refusal=str(error))
    return retry
