"""The contract of what the eviction of outcomes asks the ledger, and tells it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from streams.adapters.sql_evictions import SqlEvictions
from streams.adapters.sql_ledger import SqlLedger
from streams.ports import Evictions, OutcomeRow, Settlement, SettlementId, State
from tests.databases import migrated_database
from tests.events import NOON

DAY = timedelta(days=1)


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlLedger]:
    if request.param == "sqlite":
        ledger = SqlLedger.sqlite(tmp_path / "ledger.sqlite")
        yield ledger
        ledger.close()
        return
    with migrated_database() as found:
        ledger = SqlLedger.postgres(found, connections=4)
        yield ledger
        ledger.close()


@pytest.fixture
def evictions(ledger: SqlLedger) -> Evictions:
    return SqlEvictions(ledger.database)


def candidate(image: str, object_key: str | None, *, age: timedelta = DAY, config: str = "1") -> OutcomeRow:
    body = orjson.dumps({"name": "mean", "object": object_key and {"key": object_key}, "config_hash": config})
    return OutcomeRow(f"{image}:filter:{config}", body, NOON - age)


def test_old_candidates_are_those_that_name_an_object_page_by_page(ledger: SqlLedger, evictions: Evictions) -> None:
    old = [candidate(f"i{n}:v", f"candidates/{n}.tif") for n in range(5)]
    young = candidate("j:v", "candidates/j.tif", age=timedelta())
    raw = candidate("k:v", None)
    ledger.settle([*old, young, raw], [])
    first = evictions.old_candidates(before=NOON, after="", limit=3)
    second = evictions.old_candidates(before=NOON, after=first[-1].key, limit=3)
    assert [*first, *second] == old
    assert evictions.old_candidates(before=NOON, after=second[-1].key, limit=3) == []


def test_an_evicted_outcome_is_a_miss_and_keeps_its_time(ledger: SqlLedger, evictions: Evictions) -> None:
    row = candidate("i:v", "candidates/a.tif")
    ledger.settle([row], [])
    evictions.evict([row.key, "unknown:v:filter:1"], at=NOON)
    evictions.evict([row.key], at=NOON + DAY)
    assert ledger.bodies([row.key]) == {}
    assert evictions.old_candidates(before=NOON, after="", limit=3) == []
    (owner,) = evictions.owners(["candidates/a.tif"])["candidates/a.tif"]
    assert (owner.key, owner.evicted_at) == (row.key, NOON)


def test_settling_an_evicted_outcome_makes_it_live_with_what_is_new(ledger: SqlLedger, evictions: Evictions) -> None:
    row = candidate("i:v", "candidates/a.tif")
    again = candidate("i:v", "candidates/b.tif", age=-DAY)
    ledger.settle([row], [])
    evictions.evict([row.key], at=NOON)
    assert ledger.settle([again], []).bodies == ledger.bodies([row.key]) == {row.key: again.body}
    assert evictions.owners(["candidates/a.tif", "candidates/b.tif"]) == {"candidates/b.tif": [again]}
    assert ledger.settle([row], []).bodies == {row.key: again.body}


def test_every_owner_of_an_object_is_named(ledger: SqlLedger, evictions: Evictions) -> None:
    rows = [candidate(f"i{n}:v", "candidates/a.tif") for n in range(3)]
    other = candidate("j:v", "candidates/b.tif")
    ledger.settle([*rows, other, candidate("k:v", None)], [])
    keys = ["candidates/a.tif", "candidates/b.tif", "candidates/c.tif", "candidates/a.tif"]
    assert evictions.owners(keys) == {"candidates/a.tif": rows, "candidates/b.tif": [other]}


def test_selections_are_found_by_image_and_version(ledger: SqlLedger, evictions: Evictions) -> None:
    keys = ["i:v1:selector:1", "i:v1:selector:2", "i:v2:selector:1", "i:v1:metrics:1", "i:v1:selectors:1"]
    ledger.settle([OutcomeRow(key, key.encode(), NOON) for key in keys], [])
    evictions.evict(["i:v1:selector:2"], at=NOON)
    found = evictions.selections(["i:v1", "i:v2", "i:v3"])
    assert found == {"i:v1": [b"i:v1:selector:1"], "i:v2": [b"i:v2:selector:1"]}


def test_a_stage_of_another_name_that_chooses_counts_as_well(ledger: SqlLedger, evictions: Evictions) -> None:
    keys = ["i:v1:pick:1", "i:v1:selector:1", "i:v1:metrics:1"]
    answers = [
        Settlement(SettlementId("a", stage, "live", "p", 1), "i", "v1", "a.tif", State.DONE, NOON, chosen=chosen)
        for stage, chosen in (("pick", "mean"), ("metrics", None))
    ]
    ledger.settle([OutcomeRow(key, key.encode(), NOON) for key in keys], answers)
    assert evictions.selections(["i:v1"]) == {"i:v1": [b"i:v1:pick:1", b"i:v1:selector:1"]}


def test_an_image_was_last_answered_by_any_stage_lane_and_pipeline(ledger: SqlLedger, evictions: Evictions) -> None:
    def answer(stage: str, lane: str, version: str, age: timedelta) -> Settlement:
        identity = SettlementId("a", stage, lane, version, 1)
        return Settlement(identity, "i", version, "a.tif", State.DONE, NOON - age)

    ledger.settle([], [answer("filter", "live", "v1", DAY), answer("metrics", "replay", "v1", 2 * DAY)])
    ledger.settle([], [answer("filter", "live", "v2", 3 * DAY)])
    assert evictions.last_answered(["i:v1", "i:v2", "i:v3"]) == {"i:v1": NOON - DAY, "i:v2": NOON - 3 * DAY}


def test_an_event_that_is_delivered_again_counts_as_answered_then(ledger: SqlLedger, evictions: Evictions) -> None:
    first = Settlement(SettlementId("a", "filter", "live", "p", 1), "i", "v1", "a.tif", State.DONE, NOON - 40 * DAY)
    for age in (40, 2, 2):
        stands = ledger.settle([], [replace(first, settled_at=NOON - age * DAY)])
        assert stands.settlements == {first.id: first}
    assert evictions.last_answered(["i:v1"]) == {"i:v1": NOON - 2 * DAY}


def test_nothing_asked_is_nothing_answered(evictions: Evictions) -> None:
    evictions.evict([], at=NOON)
    assert evictions.owners([]) == {}
    assert evictions.selections([]) == {}
    assert evictions.last_answered([]) == {}
