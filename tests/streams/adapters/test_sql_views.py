"""What is in the outcomes' bodies can be asked for in SQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from schemas.model import Record
from schemas.scores import Candidate, NoiseRecord, Risk, Scoring, Selection
from streams.adapters.sql_ledger import SqlLedger
from streams.ports import OutcomeRow
from tests.databases import migrated_database
from tests.events import NOON, object_ref

NOISE = NoiseRecord(
    sigma=0.1, gain=0.1, offset=0, row_acf=(1.0,), column_lag1=0, saturated=0, holds=True, why_not="a \0 in it"
)
MEAN = Candidate(
    name="mean",
    stage="filter",
    method="stages.filter.mean:Mean",
    config_hash="c1",
    object=object_ref(folder="candidates"),
    seconds=0.5,
    risk=Risk(value=0.0025, se=0.0001, row_j=0.002, blocks=(0.1, 0.2)),
)
SKIPPED = Candidate(name="bm3d", stage="filter", method="m", config_hash="c2", skipped="not installed")
SCORING = Scoring(noise=NOISE, scores={"raw": {"snr_db": -8.5, "ssim": None}, "mean": {"snr_db": 21.25}})
SELECTION = Selection(chosen="mean", rule="risk", reason="the least", margin=0.25, margin_se=0.5, flags=("noisy",))


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlLedger]:
    if request.param == "sqlite":
        ledger = SqlLedger.sqlite(tmp_path / "ledger.sqlite")
        yield ledger
        ledger.close()
        return
    with migrated_database() as found:
        ledger = SqlLedger.postgres(found, connections=1)
        yield ledger
        ledger.close()


def row(stage: str, config: str, record: Record) -> OutcomeRow:
    return OutcomeRow(f"i:v:{stage}:{config}", record.to_json(), NOON)


def asked(ledger: SqlLedger, query: str) -> list[tuple[object, ...]]:
    with ledger.database.reading() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture(autouse=True)
def _settled(ledger: SqlLedger) -> None:
    outcomes = [row("filter", "c1", MEAN), row("filter", "c2", SKIPPED), row("metrics", "m", SCORING)]
    ledger.settle([*outcomes, row("selector", "s", SELECTION)], [])


def test_candidates_with_their_risks(ledger: SqlLedger) -> None:
    query = "SELECT image_id, name, risk, risk_se, seconds, skipped, object_key FROM candidate ORDER BY risk IS NULL"
    assert asked(ledger, query) == [
        ("i", "mean", 0.0025, 0.0001, 0.5, None, MEAN.object and MEAN.object.key),
        ("i", "bm3d", None, None, 0.0, "not installed", None),
    ]


def test_scores_one_a_row(ledger: SqlLedger) -> None:
    query = "SELECT candidate, score, value FROM score WHERE image_id = 'i' ORDER BY candidate, score"
    assert asked(ledger, query) == [("mean", "snr_db", 21.25), ("raw", "snr_db", -8.5), ("raw", "ssim", None)]


def test_selections_with_their_margins(ledger: SqlLedger) -> None:
    query = "SELECT chosen, reason, margin, margin_se, runner_up, flags FROM selection"
    assert asked(ledger, query) == [("mean", "the least", 0.25, 0.5, None, '["noisy"]')]
