"""Where a span stands in a trace. Its ids are derived, so a message that is answered again has the same ones."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(-.*)?"
)
"""W3C Trace Context, level 1; later versions may say more behind it."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Context:
    """What a ``traceparent`` names: a trace, a span in it, and flags, of which the lowest says that it is kept."""

    trace_id: str
    span_id: str
    flags: int


def context_of(traceparent: str | None) -> Context | None:
    """Read a ``traceparent``; what is malformed or all zeros counts as none.

    >>> context_of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").span_id
    'b7ad6b7169203331'
    >>> context_of("00-1-2-01")
    """
    found = TRACEPARENT.fullmatch(traceparent or "")
    if not found or not int(found["trace"], 16) or not int(found["span"], 16):
        return None
    return Context(found["trace"], found["span"], int(found["flags"], 16))


@dataclass(frozen=True)
class Delivery:
    """One way of an image through a lane: its publication, or a replay or retry of it."""

    acquisition_id: str
    published_at: datetime
    lane: str
    replay_of: str | None = None
    retry_of: str | None = None
    attempt: int = 1

    @property
    def again(self) -> bool:
        """Whether it repeats an earlier one, whose trace may have ended long ago."""
        return bool(self.replay_of or self.retry_of)

    @property
    def trace_id(self) -> str:
        """The trace that begins with it."""
        marks = (self.replay_of or "", self.retry_of or "", str(self.attempt))
        return _hex(32, "trace", self.acquisition_id, _moment(self.published_at), self.lane, *marks)


@dataclass(frozen=True)
class Place:
    """A span's ids; its parent, where it has one, and the earlier span that it repeats the work of."""

    trace_id: str
    span_id: str
    parent: Context | None = None
    repeats: Context | None = None


def place_of(delivery: Delivery, incoming: str | None, *names: str) -> Place:
    """Return where the span called ``names`` stands that handles a delivery which came with this ``traceparent``.

    It is a child of what came. A replay or a retry brings the ``traceparent`` of what it repeats: that is linked, and
    a new trace begins.
    """
    came = context_of(incoming)
    own = delivery.trace_id
    repeats = came if came and delivery.again and came.trace_id != own else None
    parent = None if repeats else came
    trace_id = parent.trace_id if parent else own
    return Place(trace_id, _hex(16, "span", trace_id, parent.span_id if parent else "", *names), parent, repeats)


def within(span_id: str, name: str) -> str:
    """Return the id of a part of a span."""
    return _hex(16, "part", span_id, name)


def _moment(at: datetime) -> str:
    """Return the same for one moment in every zone; none overflows, as the edges of time do when brought to UTC.

    >>> _moment(datetime.fromisoformat("0001-01-01T00:00:00+01:00"))
    '-62135600400000000'
    """
    known = at if at.tzinfo else at.replace(tzinfo=UTC)
    return str((known - EPOCH) // timedelta(microseconds=1))


def _hex(digits: int, *words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:digits]
