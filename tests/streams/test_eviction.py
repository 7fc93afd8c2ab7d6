from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.image import ObjectRef
from schemas.scores import Candidate, Selection
from streams.adapters.folder_store import FolderStore
from streams.errors import InvalidImage
from streams.eviction import Eviction, Pile, RehearsedLedger, RehearsedStore, Terms
from streams.ports import OutcomeRow

IMAGE = "ab" * 16 + "-0"
DAY = timedelta(days=1)
MADE = datetime.now(UTC)
"""The store's own clock: objects of these tests are written now, and the tests look back from later."""


@dataclass
class MemoryEvictions:
    """A ledger of outcomes, selections and answers in memory."""

    rows: dict[str, OutcomeRow] = field(default_factory=dict)
    answered: dict[str, datetime] = field(default_factory=dict)
    chosen: dict[str, list[bytes]] = field(default_factory=dict)

    def old_candidates(self, *, before: datetime, after: str, limit: int) -> list[OutcomeRow]:
        live = [row for row in self.rows.values() if row.evicted_at is None and row.created_at < before]
        return sorted((row for row in live if row.key > after), key=lambda row: row.key)[:limit]

    def owners(self, object_keys: Collection[str]) -> dict[str, list[OutcomeRow]]:
        found: dict[str, list[OutcomeRow]] = {}
        for row in self.rows.values():
            place = Candidate.from_json(row.body).object
            if place and place.key in object_keys:
                found.setdefault(place.key, []).append(row)
        return found

    def selections(self, images: Collection[str]) -> dict[str, list[bytes]]:
        return {image: bodies for image, bodies in self.chosen.items() if image in images}

    def last_answered(self, images: Collection[str]) -> dict[str, datetime]:
        return {image: at for image, at in self.answered.items() if image in images}

    def evict(self, keys: Collection[str], *, at: datetime) -> None:
        for key in keys:
            self.rows[key] = replace(self.rows[key], evicted_at=self.rows[key].evicted_at or at)


@dataclass
class Attic:
    """A store and a ledger with candidates in them."""

    store: FolderStore
    ledger: MemoryEvictions = field(default_factory=MemoryEvictions)
    forgotten: list[str] = field(default_factory=list)

    def candidate(self, name: str, data: bytes | None = None, *, version: str = "v1") -> ObjectRef:
        ref = self.store.put(data or name.encode(), folder="candidates", suffix=".tif", media_type="image/tiff")
        key = f"{IMAGE}:{version}:filter:hash-of-{name}"
        body = Candidate(name=name, stage="filter", method="m", config_hash=f"hash-of-{name}", object=ref).to_json()
        self.ledger.rows[key] = OutcomeRow(key, body, MADE)
        return ref

    def select(self, name: str, *, chosen_hash: str | None) -> None:
        selection = Selection(chosen=name, chosen_hash=chosen_hash, rule="r", reason="because")
        self.ledger.chosen.setdefault(f"{IMAGE}:v1", []).append(selection.to_json())

    def eviction(
        self, *, after: timedelta, grace: timedelta = timedelta(0), older_than: timedelta = 30 * DAY
    ) -> Eviction:
        terms = Terms(now=MADE + after, older_than=older_than, grace=grace)
        return Eviction(self.ledger, self.store, terms, forget=self.forgotten.extend)

    def has(self, ref: ObjectRef) -> bool:
        try:
            return bool(self.store.get(ref))
        except InvalidImage:
            return False


@pytest.fixture
def attic(tmp_path: Path) -> Attic:
    return Attic(FolderStore(tmp_path))


def test_an_old_candidate_is_evicted_and_its_object_deleted(attic: Attic) -> None:
    ref = attic.candidate("mean")
    account = attic.eviction(after=31 * DAY).run()
    assert (account.evicted, account.deleted) == (1, Pile(1, len(b"mean")))
    assert not attic.has(ref)
    assert attic.forgotten == [f"{IMAGE}:v1:filter:hash-of-mean"]


def test_a_candidate_that_is_not_old_enough_stays(attic: Attic) -> None:
    ref = attic.candidate("mean")
    account = attic.eviction(after=29 * DAY).run()
    assert (account.evicted, account.deleted, account.listed.objects) == (0, Pile(), 1)
    assert attic.has(ref)


def test_what_a_selection_chose_is_never_evicted_under_whatever_name(attic: Attic) -> None:
    chosen, other = attic.candidate("gauss"), attic.candidate("mean")
    attic.select("what-this-pipeline-calls-it", chosen_hash="hash-of-gauss")
    attic.eviction(after=400 * DAY).run()
    assert (attic.has(chosen), attic.has(other)) == (True, False)


def test_a_selection_that_does_not_say_what_it_chose_keeps_every_candidate_of_its_image(attic: Attic) -> None:
    kept, other_version = attic.candidate("mean"), attic.candidate("gauss", version="v2")
    attic.select("mean", chosen_hash=None)
    attic.eviction(after=400 * DAY).run()
    assert (attic.has(kept), attic.has(other_version)) == (True, False)


def test_raw_images_are_not_even_looked_at(attic: Attic) -> None:
    raw = attic.store.put(b"raw", folder="raw/sim-1", suffix=".tif", media_type="image/tiff")
    account = attic.eviction(after=4000 * DAY).run(orphans_too=True)
    assert (account.listed, attic.has(raw)) == (Pile(), True)


def test_an_image_that_was_answered_since_keeps_its_candidates(attic: Attic) -> None:
    ref = attic.candidate("mean")
    attic.ledger.answered[f"{IMAGE}:v1"] = MADE + 20 * DAY
    assert attic.eviction(after=45 * DAY).run().evicted == 0
    assert attic.has(ref)
    assert attic.eviction(after=51 * DAY).run().evicted == 1
    assert not attic.has(ref)


def test_an_object_waits_out_the_grace_after_its_outcome_was_evicted(attic: Attic) -> None:
    ref = attic.candidate("mean")
    first = attic.eviction(after=31 * DAY, grace=DAY).run()
    assert (first.evicted, first.deleted.objects, first.waiting.objects) == (1, 0, 1)
    assert attic.has(ref)
    second = attic.eviction(after=32 * DAY, grace=DAY).run()
    assert (second.evicted, second.deleted.objects, second.waiting.objects) == (0, 1, 0)
    assert not attic.has(ref)


def test_an_image_answered_while_its_candidate_was_being_evicted_keeps_the_object(attic: Attic) -> None:
    """The worker had recalled the outcome, and its event now names the object."""
    ref = attic.candidate("mean")
    attic.eviction(after=31 * DAY, grace=DAY).run()
    attic.ledger.answered[f"{IMAGE}:v1"] = MADE + 31 * DAY + timedelta(minutes=5)
    assert attic.eviction(after=35 * DAY, grace=DAY).run().deleted == Pile()
    assert attic.has(ref)


def test_an_object_that_a_live_outcome_names_stays_whoever_else_was_evicted(attic: Attic) -> None:
    ref = attic.candidate("mean", b"same pixels")
    attic.candidate("gauss", b"same pixels", version="v2")
    attic.ledger.answered[f"{IMAGE}:v2"] = MADE + 30 * DAY
    account = attic.eviction(after=31 * DAY).run()
    assert (account.evicted, account.deleted, account.waiting) == (1, Pile(), Pile())
    assert attic.has(ref)


def test_an_object_of_two_evicted_outcomes_stays_while_the_image_of_one_is_in_use(attic: Attic) -> None:
    ref = attic.candidate("mean", b"same pixels")
    attic.candidate("gauss", b"same pixels", version="v2")
    attic.eviction(after=31 * DAY, grace=DAY).run()
    attic.ledger.answered[f"{IMAGE}:v2"] = MADE + 32 * DAY
    account = attic.eviction(after=40 * DAY, grace=DAY).run()
    assert (account.deleted, account.waiting, attic.has(ref)) == (Pile(), Pile(), True)


def test_an_outcome_computed_again_after_its_eviction_keeps_its_object(attic: Attic) -> None:
    ref = attic.candidate("mean")
    attic.eviction(after=31 * DAY, grace=DAY).run()
    attic.candidate("mean")
    assert attic.eviction(after=33 * DAY, grace=DAY, older_than=40 * DAY).run().deleted == Pile()
    assert attic.has(ref)


def test_objects_that_no_outcome_names_are_counted_and_deleted_only_when_that_is_asked_for(attic: Attic) -> None:
    ref = attic.store.put(b"of a crash", folder="candidates", suffix=".tif", media_type="image/tiff")
    account = attic.eviction(after=31 * DAY).run()
    assert (account.orphans, account.deleted) == (Pile(1, 10), Pile())
    assert attic.has(ref)
    assert attic.eviction(after=31 * DAY).run(orphans_too=True).deleted == Pile(1, 10)
    assert not attic.has(ref)


def test_a_young_object_stays_although_its_outcome_is_old(attic: Attic) -> None:
    """Somebody computes it again just now: it is put, and its outcome not yet settled."""
    ref = attic.candidate("mean")
    key = next(iter(attic.ledger.rows))
    long_ago = MADE - 90 * DAY
    attic.ledger.rows[key] = replace(attic.ledger.rows[key], created_at=long_ago, evicted_at=long_ago + 40 * DAY)
    assert attic.eviction(after=DAY).run().deleted == Pile()
    assert attic.has(ref)


def test_a_rehearsal_tells_the_same_and_changes_nothing(attic: Attic) -> None:
    refs = [attic.candidate(name) for name in ("mean", "gauss", "tv")]
    attic.select("tv", chosen_hash="hash-of-tv")
    real = attic.eviction(after=31 * DAY)
    before = dict(attic.ledger.rows)
    rehearsed = Eviction(RehearsedLedger(attic.ledger), RehearsedStore(attic.store), real.terms).run()
    assert attic.ledger.rows == before
    assert all(map(attic.has, refs))
    assert rehearsed == real.run()
    assert [attic.has(ref) for ref in refs] == [False, False, True]


def test_what_a_killed_writer_left_is_dropped_when_it_is_old(attic: Attic, tmp_path: Path) -> None:
    attic.candidate("mean")
    left = next((tmp_path / "candidates").rglob("*.tif")).with_name(".ab.1.2.part")
    left.write_bytes(b"half")
    assert attic.eviction(after=DAY).run().unfinished == 0
    assert attic.eviction(after=31 * DAY).run().unfinished == 1
    assert not left.exists()


def test_more_candidates_than_fit_in_one_page_are_all_looked_at(attic: Attic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.eviction.ROWS_AT_ONCE", 3)
    monkeypatch.setattr("streams.eviction.OBJECTS_AT_ONCE", 2)
    refs = [attic.candidate(f"c{n}") for n in range(11)]
    for n in range(4):
        attic.select(f"c{n}", chosen_hash=f"hash-of-c{n}")
    account = attic.eviction(after=31 * DAY).run()
    assert (account.evicted, account.deleted.objects, account.listed.objects) == (7, 7, 11)
    assert [attic.has(ref) for ref in refs] == [True] * 4 + [False] * 7


@pytest.mark.parametrize("step", ["evict", "delete"])
def test_a_run_that_is_ended_half_way_is_completed_by_the_next(
    attic: Attic, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = [attic.candidate(name) for name in ("mean", "gauss")]
    owner: object = attic.ledger if step == "evict" else attic.store
    with monkeypatch.context() as broken:
        broken.setattr(owner, step, _ended)
        with pytest.raises(KeyboardInterrupt):
            attic.eviction(after=31 * DAY).run()
    assert all(map(attic.has, refs))
    attic.eviction(after=31 * DAY).run()
    assert not any(map(attic.has, refs))


def _ended(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
