"""What a trace is made of, and the port to whoever collects it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from streams.tracing.place import Place

Facts = Mapping[str, str | int]


class Role(StrEnum):
    """What a span does with a message."""

    PUBLISHES = "publishes"
    ANSWERS = "answers"


@dataclass(frozen=True)
class Phase:
    """A part of a span's time."""

    name: str
    begun: datetime
    ended: datetime


class Span(Protocol):
    """A span that has begun. One that is never ended is never told of: its work was not committed."""

    @property
    def traceparent(self) -> str:
        """What the messages carry that come of it, as W3C Trace Context has it."""

    def end(self, at: datetime, facts: Facts, *, phases: Sequence[Phase] = (), failure: str | None = None) -> None:
        """Tell of it; never waits, and never fails."""


class Tracer(Protocol):
    """Tells of spans to whoever collects them."""

    def begin(self, name: str, place: Place, role: Role, at: datetime, facts: Facts) -> Span:
        """Begin a span at its place in a trace."""

    def close(self) -> None:
        """Send what is left, and wait a few seconds for that at the most."""
