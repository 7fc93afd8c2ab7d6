"""The words of conservation: a stage's sum, what can be wrong with it, and what it is taken over."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from streams.pipeline import Step
from streams.topic_log import milliseconds

EDGE = timedelta(hours=1)
"""So much before a window is read as well: what is answered in it, by clocks that are behind, may belong to it."""


class Fault(StrEnum):
    """What can be wrong with the answers to an image.

    ``lost``: the group has read it, and it was not answered. ``doubled``: answered more often than asked.
    ``unsettled``: answered by an event that the ledger does not know. ``contradicted``: the ledger has it as rejected,
    and there is an event. ``missing``: the event speaks of an object that the store does not hold.
    """

    LOST = "lost"
    DOUBLED = "doubled"
    UNSETTLED = "unsettled"
    CONTRADICTED = "contradicted"
    MISSING = "missing"


@dataclass(frozen=True)
class Finding:
    """An image whose answers do not add up, and the message that asked for them."""

    fault: Fault
    stage: str
    topic: str
    partition: int
    offset: int
    acquisition_id: str | None
    attempt: int
    detail: str


@dataclass
class Balance:
    """One stage's sum: ``acquisitions + retries + repeats = done + dead_lettered + in_flight + lost - doubled``."""

    stage: str
    topic: str
    started: bool
    """Whether its group has ever committed an offset there."""
    acquisitions: int = 0
    retries: int = 0
    repeats: int = 0
    """Deliveries of what was delivered before: the same event published again."""
    done: int = 0
    dead_lettered: int = 0
    in_flight: int = 0
    lost: int = 0
    doubled: int = 0
    elsewhere: int = 0
    """Answers whose question is outside the window, or which this stage did not give."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether everything adds up."""
        return not self.findings


@dataclass(frozen=True)
class Window:
    """Which deliveries are judged, by when they were stamped; their answers may come later."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def read_since(self) -> datetime | None:
        """From when on topics are to be read."""
        return self.since - EDGE if self.since else None

    def holds(self, timestamp_ms: int) -> bool:
        """Whether a stamp is in it."""
        after = self.since is None or timestamp_ms >= milliseconds(self.since)
        return after and (self.until is None or timestamp_ms < milliseconds(self.until))


@dataclass(frozen=True)
class Scope:
    """What is reconciled: the stages of a lane, answers by these pipelines, within a window."""

    steps: Sequence[Step]
    lane: str
    pipelines: Sequence[str]
    window: Window = field(default_factory=Window)
