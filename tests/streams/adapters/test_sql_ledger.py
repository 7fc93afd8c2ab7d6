"""What a ledger file can suffer; what every ledger does is in `tests/contract/test_job_ledger.py`."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from streams.adapters.sql_ledger import SqlLedger
from streams.errors import TransientError, UsageError
from streams.ports import OutcomeRow, Settlement, SettlementId, State
from tests.events import NOON

ROW = OutcomeRow("i:v:filter:1", b"body", NOON)


def test_a_file_that_is_no_database_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(UsageError, match=r"ledger\.sqlite cannot be used as a ledger .*not a database.*choose another"):
        SqlLedger.sqlite(path)


def test_a_ledger_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE outcome (key TEXT PRIMARY KEY, image_id TEXT, verdict TEXT)")
    with pytest.raises(UsageError, match="another version: outcome has no body, created_at"):
        SqlLedger.sqlite(path)


def test_a_ledger_that_another_process_is_writing_to_is_worth_another_try(tmp_path: Path) -> None:
    ledger = SqlLedger.sqlite(tmp_path / "ledger.sqlite", patience_s=0.01)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TransientError, match="locked"):
            ledger.settle([ROW], [])
        other.rollback()
    assert ledger.settle([ROW], []).bodies == {ROW.key: b"body"}
    ledger.close()


def test_a_ledger_that_became_unusable_is_not_waited_for(tmp_path: Path) -> None:
    ledger = SqlLedger.sqlite(tmp_path / "ledger.sqlite")
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as other:
        other.execute("DROP TABLE outcome")
    with pytest.raises(OSError, match="ledger cannot be used: no such table"):
        ledger.settle([ROW], [])
    ledger.close()


def test_the_history_of_more_images_than_a_statement_takes_variables_is_no_trouble(tmp_path: Path) -> None:
    ledger = SqlLedger.sqlite(tmp_path / "ledger.sqlite")
    number = 1500
    with closing(ledger.database.engine.raw_connection()) as connection:
        connection.driver_connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 1000)  # type: ignore[union-attr]
    done = Settlement(SettlementId("", "filter", "live", "p", 1), "", "v", "a.tif", State.DONE, NOON)
    named = [replace(done, id=replace(done.id, acquisition_id=str(n)), image_id=f"i{n}") for n in range(number)]
    ledger.settle([], named)
    assert len(ledger.history("i")[1]) == number
    ledger.close()
