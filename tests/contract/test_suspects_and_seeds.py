"""The contracts of what is kept beside the ledger: suspects, and where groups began to read."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from streams.adapters.sql_ledger import SqlLedger
from streams.adapters.sql_seeds import SqlSeeds
from streams.adapters.sql_suspects import SqlSuspects
from streams.ports import Seeds, SettlementId, Suspects
from tests.databases import migrated_database
from tests.events import NOON

FIRST = SettlementId("a", "filter", "live", "p1", 1)
OTHERS = (
    replace(FIRST, acquisition_id="b"),
    replace(FIRST, stage="denoise"),
    replace(FIRST, lane="replay"),
    replace(FIRST, pipeline="p2"),
    replace(FIRST, attempt=2),
)


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
def suspects(ledger: SqlLedger) -> Suspects:
    return SqlSuspects(ledger.database)


@pytest.fixture
def seeds(ledger: SqlLedger) -> Seeds:
    return SqlSeeds(ledger.database)


def test_each_death_counts_once_for_each_delivery_that_was_in_hand(suspects: Suspects) -> None:
    assert suspects.deaths([FIRST, *OTHERS]) == {}
    suspects.report([FIRST, OTHERS[0]], at=NOON, host="node-1")
    suspects.report([FIRST], at=NOON + timedelta(seconds=1), host="node-1")
    suspects.report([FIRST], at=NOON, host="node-2")
    assert suspects.deaths([FIRST, *OTHERS]) == {FIRST: 3, OTHERS[0]: 1}


def test_a_report_that_is_repeated_counts_once(suspects: Suspects) -> None:
    for _ in range(2):
        suspects.report([FIRST], at=NOON, host="node-1")
    assert suspects.deaths([FIRST]) == {FIRST: 1}


def test_nothing_reported_and_nothing_asked_is_no_trouble(suspects: Suspects) -> None:
    suspects.report([], at=NOON, host="node-1")
    assert suspects.deaths([]) == {}


def test_a_seed_is_written_once_and_new_partitions_are_added(seeds: Seeds) -> None:
    assert seeds.seeded("filter", "sem.images") == {}
    seeds.seed("filter", "sem.images", {0: 5, 1: 2**40}, at=NOON)
    seeds.seed("filter", "sem.images", {1: 0, 2: 9}, at=NOON)
    seeds.seed("filter", "sem.images", {}, at=NOON)
    assert seeds.seeded("filter", "sem.images") == {0: 5, 1: 2**40, 2: 9}
    assert seeds.seeded("denoise", "sem.images") == seeds.seeded("filter", "sem.filtered") == {}


def test_two_who_seed_at_the_same_time_agree(seeds: Seeds) -> None:
    def seed(offset: int) -> dict[int, int]:
        seeds.seed("filter", "sem.images", dict.fromkeys(range(4), offset), at=NOON)
        return seeds.seeded("filter", "sem.images")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(seed, range(8)))
    assert all(answer == answers[0] for answer in answers)
