"""What people ask a ledger: how it stands, which deliveries failed, and what may be removed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from streams.ports import Settlement, SettlementId, State
from streams.recollection import ImageName


@dataclass(frozen=True)
class StageStanding:
    """What a stage has answered in a lane, and since `Standing.since`."""

    stage: str
    lane: str
    done: int
    rejected: int
    """Rejections that stand: no later attempt of the same image has an answer."""
    recent: int
    last_settled_at: datetime | None
    suspects: int
    """Deliveries that saw a worker die and have no answer yet."""
    retried: int = 0
    """Rejections that a later attempt has answered, well or not."""


@dataclass(frozen=True)
class LaneStanding:
    """What became of the images of a lane; a retry is no image of its own."""

    lane: str
    images: int
    """First attempts at the stage that has most of them, which is the first one."""
    selected: Mapping[str, int]
    """Answers of the selector, by the candidate that was chosen."""
    failed_last_hour: int
    """Rejections of the last hour that stand."""


@dataclass(frozen=True)
class Standing:
    """A ledger in numbers. Recent is what was settled since ``since``, fifty to sixty minutes before ``at``."""

    at: datetime
    since: datetime
    stages: tuple[StageStanding, ...]
    lanes: tuple[LaneStanding, ...]

    @property
    def recent_s(self) -> float:
        """Seconds over which `StageStanding.recent` counts."""
        return (self.at - self.since).total_seconds()


@dataclass(frozen=True)
class Suspect:
    """A delivery that was in the hands of workers when they died."""

    id: SettlementId
    deaths: int
    last_death_at: datetime
    source_name: str | None
    """Known where any stage has answered for the same acquisition, as is ``image_id``."""
    image_id: str | None = None


@dataclass(frozen=True)
class Removable:
    """Rows older than some time: how many may be removed, or were."""

    settlements: int = 0
    evicted_outcomes: int = 0
    suspects: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.settlements + self.evicted_outcomes + self.suspects

    def __add__(self, other: "Removable") -> "Removable":
        return Removable(
            self.settlements + other.settlements,
            self.evicted_outcomes + other.evicted_outcomes,
            self.suspects + other.suspects,
        )


@dataclass(frozen=True)
class Search:
    """Which deliveries are meant; the newest are found first."""

    since: datetime | None = None
    stage: str | None = None
    limit: int = 100


@dataclass(frozen=True)
class Attempt:
    """An attempt at an image: by a stage in a lane, whatever pipeline worked there."""

    acquisition_id: str
    stage: str
    lane: str
    number: int


class LaterAnswers(Protocol):
    """What a ledger knows of attempts that came to nothing."""

    def later_answers(self, attempts: Collection[Attempt]) -> dict[Attempt, Settlement]:
        """Return the answer to the latest of the later attempts, where there are any that have one."""


class Questions(LaterAnswers, Protocol):
    """What a ledger answers."""

    def standing(self, now: datetime) -> Standing:
        """Count."""

    def answered(self, state: State, search: Search) -> list[Settlement]:
        """Return deliveries that were answered so; rejections that a later attempt has answered are left out."""

    def suspects(self, search: Search) -> list[Suspect]:
        """Return deliveries that saw a worker die, answered since or not."""

    def images(self, query: str | None = None) -> list[ImageName]:
        """Return the selected images that a query of the ledger names, all without one; the latest selected last.

        The query is SQL with a column ``image_id``; it can change nothing.

        Raises
        ------
        UsageError
            If the ledger cannot answer it.
        """


class Retention(Protocol):
    """Removal of what is too old to be asked for. Results and their outcomes stay."""

    def removable(self, before: datetime) -> Removable:
        """Count what is older."""

    def remove(self, before: datetime, *, at_most: int) -> Removable:
        """Remove some of it, at the most so many rows of each kind, in one transaction; return what was removed."""
