"""What the path of an image needs of the world beside its transport: an object store, a cache and a ledger.

Every adapter maps its library's errors to `TransientError` and `InvalidImage`; anything else ends the process.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from schemas.image import ObjectRef


class ObjectStore(Protocol):
    """Bytes under a key that is derived from them: putting the same bytes again changes nothing."""

    def put(self, data: bytes, *, folder: str, suffix: str, media_type: str) -> ObjectRef:
        """Store under ``<folder>/<sha256[:2]>/<sha256><suffix>``; durable against the end of this process.

        Afterwards the object is young, written a day ago at most, even if it was there before (see `Inventory`).
        """

    def get(self, ref: ObjectRef) -> bytes:
        """Read, with size and sha256 checked; raises `InvalidImage` where it is gone or altered."""

    def vanished(self, refs: Iterable[ObjectRef]) -> list[ObjectRef]:
        """Return those whose bytes are known to be gone; a store that cannot tell cheaply returns none."""


@dataclass(frozen=True)
class StoredObject:
    """An object as its store lists it."""

    key: str
    size_bytes: int
    modified_at: datetime


class Inventory(Protocol):
    """What a store holds below a folder, and its removal, which spares what is younger than a few days."""

    def objects(self, folder: str) -> Iterator[StoredObject]:
        """List the objects below a folder, in the order of their keys."""

    def delete(self, keys: Collection[str]) -> None:
        """Delete objects; those that are gone already count as deleted."""

    def drop_unfinished(self, *, before: datetime) -> int:
        """Drop what uploads that began before then, and never ended, have left; return how many there were."""


class DedupCache(Protocol):
    """Outcome bodies by outcome key; never the truth, may forget anything at any time."""

    def get(self, keys: Collection[str]) -> dict[str, bytes]:
        """Return the bodies of the keys that are remembered."""

    def put(self, bodies: Mapping[str, bytes]) -> None:
        """Remember."""


class State(StrEnum):
    """How an event was answered."""

    DONE = "done"
    REJECTED = "rejected"


@dataclass(frozen=True)
class SettlementId:
    """Which event was answered: an acquisition at a stage, in a lane, by a pipeline, at an attempt."""

    acquisition_id: str
    stage: str
    lane: str
    pipeline: str
    attempt: int


@dataclass(frozen=True)
class Settlement:
    """That an event was answered, and how. ``computed`` names the parts that were not answered from outcomes.

    ``chosen`` is the candidate that a selector selected.
    """

    id: SettlementId
    image_id: str
    version: str
    source_name: str
    state: State
    settled_at: datetime
    reason: str | None = None
    computed: tuple[str, ...] = ()
    chosen: str | None = None


@dataclass(frozen=True)
class OutcomeRow:
    """An outcome as the ledger keeps it."""

    key: str
    body: bytes
    created_at: datetime
    evicted_at: datetime | None = None
    """When it was evicted, where it is; see `Evictions`."""


@dataclass(frozen=True)
class Settled:
    """What stands in the ledger after a batch was settled, whoever wrote it first."""

    bodies: Mapping[str, bytes]
    settlements: Mapping[SettlementId, Settlement]


class JobLedger(Protocol):
    """The truth about what was computed and what was answered. The first to write an entry wins; nothing is altered."""

    def bodies(self, keys: Collection[str]) -> dict[str, bytes]:
        """Return the outcome bodies of the keys that are settled."""

    def settlements(self, ids: Collection[SettlementId]) -> dict[SettlementId, Settlement]:
        """Return the settlements that exist."""

    def settle(self, outcomes: Sequence[OutcomeRow], settlements: Sequence[Settlement]) -> Settled:
        """Insert what is absent, all or nothing, and return what now stands for every entry given."""

    def forget(self, keys: Collection[str]) -> None:
        """Drop outcomes whose objects have vanished, so that they are computed again."""

    def history(self, image: str) -> tuple[list[OutcomeRow], list[Settlement]]:
        """Everything known of what ``image`` means: the beginning of an id, a source name or its last part; by time."""

    def close(self) -> None:
        """Release the connection."""


class Evictions(Protocol):
    """What `streams.eviction` asks the ledger, and tells it. An *image* is named ``<image_id>:<version>`` here.

    An evicted outcome is one whose object may be deleted. To every method of `JobLedger` but `history` it is absent:
    a hit on it is a miss, and settling its key again replaces it and makes it live.
    """

    def old_candidates(self, *, before: datetime, after: str, limit: int) -> list[OutcomeRow]:
        """Return live outcomes that name an object and were made before then: by key, those behind ``after``."""

    def owners(self, object_keys: Collection[str]) -> dict[str, list[OutcomeRow]]:
        """Return the outcomes that name each object, evicted ones too; objects that none names are left out."""

    def selections(self, images: Collection[str]) -> dict[str, list[bytes]]:
        """Return the bodies of all live outcomes of stages that choose a candidate, by image."""

    def last_answered(self, images: Collection[str]) -> dict[str, datetime]:
        """Return when each image was last answered: the latest settlement of any stage, lane and pipeline."""

    def evict(self, keys: Collection[str], *, at: datetime) -> None:
        """Mark outcomes evicted; one that is already keeps its time."""


class Suspects(Protocol):
    """Deliveries that were in hand when a worker died: one of them may have killed it."""

    def report(self, ids: Collection[SettlementId], *, at: datetime, host: str) -> None:
        """Count one more death for each; telling of the same death (time and host) again changes nothing."""

    def deaths(self, ids: Collection[SettlementId]) -> dict[SettlementId, int]:
        """Return how many workers each has seen die; those that saw none are left out."""


class Seeds(Protocol):
    """Where a consumer group began to read each partition; written once: lost offsets are noticed ever after."""

    def seeded(self, group: str, topic: str) -> dict[int, int]:
        """Return the first offset of each partition that was ever given to the group."""

    def seed(self, group: str, topic: str, offsets: Mapping[int, int], *, at: datetime) -> None:
        """Write down first offsets; an entry that exists stays as it is."""
