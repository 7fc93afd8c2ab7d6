"""CloudEvents 1.0 attributes as Kafka headers (binary content mode)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

WIRE_NAMES = {
    "id": "ce_id",
    "type": "ce_type",
    "source": "ce_source",
    "subject": "ce_subject",
    "time": "ce_time",
    "traceparent": "traceparent",
    "replay_of": "x_replay_of",
    "retry_of": "x_retry_of",
    "attempt": "x_attempt",
}


ATTEMPT = re.compile(r"[1-9][0-9]{0,8}")


class BadHeaders(ValueError):
    """Headers that are no CloudEvent; the message names what is missing or malformed."""


@dataclass(frozen=True)
class Headers:
    """The attributes of one event. ``extra`` keeps headers that this version does not know, in order."""

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    traceparent: str | None = None
    replay_of: str | None = None
    retry_of: str | None = None
    attempt: int = 1
    extra: tuple[tuple[str, bytes | None], ...] = field(default=())

    def to_wire(self) -> list[tuple[str, bytes | None]]:
        """Kafka headers in a fixed order; attributes that are absent are left out."""
        texts: Mapping[str, str | None] = {
            "ce_specversion": "1.0",
            "content-type": "application/json",
            "ce_id": self.id,
            "ce_type": self.type,
            "ce_source": self.source,
            "ce_subject": self.subject,
            "ce_time": self.time.astimezone(UTC).isoformat(),
            "traceparent": self.traceparent,
            "x_replay_of": self.replay_of,
            "x_retry_of": self.retry_of,
            "x_attempt": str(self.attempt) if self.attempt > 1 else None,
        }
        return [(name, text.encode()) for name, text in texts.items() if text is not None] + list(self.extra)

    @classmethod
    def from_wire(cls, headers: Iterable[tuple[str, bytes | None]]) -> "Headers":
        """Parse Kafka headers.

        Raises
        ------
        BadHeaders
            If an attribute is missing, is not UTF-8, or is not of its form.
        """
        known = set(WIRE_NAMES.values()) | {"ce_specversion", "content-type"}
        pairs = list(headers)
        texts = {name: _text(name, value) for name, value in pairs if name in known}
        missing = [name for name in ("ce_id", "ce_type", "ce_source", "ce_subject", "ce_time") if not texts.get(name)]
        if missing:
            raise BadHeaders(f"missing header {', '.join(missing)}")
        return cls(
            id=texts["ce_id"],
            type=texts["ce_type"],
            source=texts["ce_source"],
            subject=texts["ce_subject"],
            time=_time(texts["ce_time"]),
            traceparent=texts.get("traceparent"),
            replay_of=texts.get("x_replay_of"),
            retry_of=texts.get("x_retry_of"),
            attempt=_attempt(texts.get("x_attempt", "1")),
            extra=tuple((name, value) for name, value in pairs if name not in known),
        )

    def followed_by(
        self, *, id: str, type: str, source: str, time: datetime, traceparent: str | None = None
    ) -> "Headers":
        """Return the headers of the event that answers this one: the same subject, trace, replay and retry marks.

        ``traceparent`` is that of the answer's own span, where it has one.
        """
        return replace(self, id=id, type=type, source=source, time=time, traceparent=traceparent or self.traceparent)


def _text(name: str, value: bytes | None) -> str:
    try:
        return (value or b"").decode()
    except UnicodeDecodeError as error:
        raise BadHeaders(f"header {name} is not UTF-8") from error


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadHeaders("header ce_time is no ISO 8601 time") from error
    if time.tzinfo is None:
        raise BadHeaders("header ce_time has no zone")
    return time


def _attempt(text: str) -> int:
    if not ATTEMPT.fullmatch(text):
        raise BadHeaders("header x_attempt is no positive number")
    return int(text)
