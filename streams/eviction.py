"""Giving back the room of old candidates: evict their outcomes, then delete the objects that nobody relies on.

A candidate can be computed again from its raw image, which is never deleted, nor is what a selection chose. The order
makes it safe beside workers at work:

1. *Evict.* A candidate outcome may go when it is older than ``before``, its image was not answered since, and no
   selection chose it. An evicted outcome is no hit any more: whoever needs the candidate computes it again and puts it.
2. *Sweep.* An object may go when it was not written since ``before``, every outcome that names it was evicted more than
   ``grace`` ago, and none of their images was answered since ``before``.

A worker that recalled an outcome just before it was evicted publishes an event that names the object. It answers the
image within ``grace``, and from then on the image counts as answered. A worker that computes a candidate anew puts its
object, which makes the object young (`streams.ports.ObjectStore.put`). What remains is the moment between the listing
of a page and its deletion: a put of one of those very objects within it is lost, the stage that reads it says "gone",
and a replay of the image computes it again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from schemas.scores import Selection
from streams.ports import Evictions, Inventory, OutcomeRow, StoredObject

T = TypeVar("T")

FOLDER = "candidates"
"""The only folder that is ever listed or deleted from."""
ROWS_AT_ONCE = 500
OBJECTS_AT_ONCE = 1000


@dataclass(frozen=True)
class Terms:
    """What is old enough. ``older_than`` concerns the use of a candidate, ``grace`` the time since it was evicted."""

    now: datetime
    older_than: timedelta
    grace: timedelta

    @property
    def before(self) -> datetime:
        """What was made, written or answered since then stays."""
        return self.now - self.older_than

    @property
    def evicted_before(self) -> datetime:
        """What was evicted since then stays for now."""
        return self.now - self.grace


class Fate(StrEnum):
    """What becomes of a listed object."""

    KEPT = "kept"
    RIPE = "ripe"
    WAITING = "waiting"
    ORPHANED = "orphaned"


@dataclass(frozen=True)
class Pile:
    """Some objects, counted."""

    objects: int = 0
    bytes: int = 0

    def with_all(self, found: Collection[StoredObject]) -> "Pile":
        """Return the pile with more objects on it."""
        return Pile(self.objects + len(found), self.bytes + sum(one.size_bytes for one in found))


@dataclass(frozen=True)
class Account:
    """What was done. ``waiting`` goes in a later run; ``orphans`` are named by no outcome."""

    evicted: int = 0
    listed: Pile = field(default_factory=Pile)
    deleted: Pile = field(default_factory=Pile)
    waiting: Pile = field(default_factory=Pile)
    orphans: Pile = field(default_factory=Pile)
    unfinished: int = 0

    def to_dict(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Eviction:
    """One run over ledger and store. ``forget`` tells the cache of evicted keys."""

    ledger: Evictions
    store: Inventory
    terms: Terms
    forget: Callable[[Collection[str]], None] = lambda keys: None

    def run(self, *, orphans_too: bool = False) -> Account:
        """Evict, then sweep; may be ended at any moment and run again."""
        account = Account(evicted=self._evict())
        for page in _batches(self.store.objects(FOLDER), OBJECTS_AT_ONCE):
            account = self._sweep(page, account, orphans_too=orphans_too)
        return replace(account, unfinished=self.store.drop_unfinished(before=self.terms.before))

    def _evict(self) -> int:
        evicted, after = 0, ""
        while rows := self.ledger.old_candidates(before=self.terms.before, after=after, limit=ROWS_AT_ONCE):
            after = rows[-1].key
            if keys := [row.key for row in self._unused(rows)]:
                self.ledger.evict(keys, at=self.terms.now)
                self.forget(keys)
                evicted += len(keys)
        return evicted

    def _sweep(self, page: Sequence[StoredObject], account: Account, *, orphans_too: bool) -> Account:
        fates = self._fates(page)
        piles = {fate: [one for one in page if fates[one.key] is fate] for fate in Fate}
        doomed = piles[Fate.RIPE] + (piles[Fate.ORPHANED] if orphans_too else [])
        if doomed:
            self.store.delete([one.key for one in doomed])
        return replace(
            account,
            listed=account.listed.with_all(page),
            deleted=account.deleted.with_all(doomed),
            waiting=account.waiting.with_all(piles[Fate.WAITING]),
            orphans=account.orphans.with_all(piles[Fate.ORPHANED]),
        )

    def _fates(self, page: Sequence[StoredObject]) -> dict[str, Fate]:
        old = [one.key for one in page if one.modified_at < self.terms.before]
        owners = self.ledger.owners(old)
        evicted = [row for rows in owners.values() for row in rows if row.evicted_at is not None]
        unused = {row.key for row in self._unused(evicted)}
        fates = {key: self._fate(owners.get(key, []), unused) for key in old}
        return {one.key: fates.get(one.key, Fate.KEPT) for one in page}

    def _fate(self, owners: Sequence[OutcomeRow], unused: Collection[str]) -> Fate:
        if not owners:
            return Fate.ORPHANED
        if not all(row.key in unused for row in owners):
            return Fate.KEPT
        long_ago = all(row.evicted_at and row.evicted_at <= self.terms.evicted_before for row in owners)
        return Fate.RIPE if long_ago else Fate.WAITING

    def _unused(self, rows: Sequence[OutcomeRow]) -> list[OutcomeRow]:
        """Return the rows that no selection chose, of images that were not answered since."""
        images = {_image(row) for row in rows}
        answered = self.ledger.last_answered(images)
        chosen = {image: _chosen(bodies) for image, bodies in self.ledger.selections(images).items()}
        idle = [row for row in rows if _image(row) not in answered or answered[_image(row)] < self.terms.before]
        return [row for row in idle if not _is_chosen(row, chosen.get(_image(row), frozenset()))]


class RehearsedLedger:
    """Answers as the ledger would if it had been told to evict; tells it nothing."""

    def __init__(self, ledger: Evictions) -> None:
        self._ledger = ledger
        self._evicted: dict[str, datetime] = {}
        self.old_candidates = ledger.old_candidates
        self.selections = ledger.selections
        self.last_answered = ledger.last_answered

    def evict(self, keys: Collection[str], *, at: datetime) -> None:
        """Remember."""
        self._evicted.update(dict.fromkeys(keys, at))

    def owners(self, object_keys: Collection[str]) -> dict[str, list[OutcomeRow]]:
        """Return the outcomes that name each object, as they would be."""
        found = self._ledger.owners(object_keys)
        return {key: [self._as_evicted(row) for row in rows] for key, rows in found.items()}

    def _as_evicted(self, row: OutcomeRow) -> OutcomeRow:
        return replace(row, evicted_at=row.evicted_at or self._evicted.get(row.key))


class RehearsedStore:
    """Lists as the store does, and deletes nothing."""

    def __init__(self, store: Inventory) -> None:
        self.objects = store.objects

    def delete(self, keys: Collection[str]) -> None:
        """Do nothing."""

    def drop_unfinished(self, *, before: datetime) -> int:
        """Do nothing."""
        return 0


def _image(row: OutcomeRow) -> str:
    """``<image_id>:<version>`` of an outcome."""
    return ":".join(row.key.split(":")[:2])


def _chosen(bodies: Iterable[bytes]) -> frozenset[str | None]:
    """Config hashes that were chosen; with ``None`` where a selection is too old to say, and all may be."""
    return frozenset(Selection.from_json(body).chosen_hash for body in bodies)


def _is_chosen(row: OutcomeRow, chosen: frozenset[str | None]) -> bool:
    return None in chosen or row.key.rsplit(":", 1)[1] in chosen


def _batches(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while some := list(islice(items, size)):
        yield some
