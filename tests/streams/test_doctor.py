"""The doctor tries everything, whatever fails, and says what to do."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streams.adapters.folder_store import FolderStore
from streams.doctor import LEAST_FREE_BYTES, check_clock, check_folder, check_store, examine
from streams.errors import TransientError, UsageError

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_one_failure_stops_no_other_check() -> None:
    def refused() -> str:
        raise UsageError("the password\nis wrong: set SEMSTREAM_KAFKA_PASSWORD")

    findings = list(examine([("kafka", refused), ("redis", lambda: "answers")]))
    assert [(one.what, one.well) for one in findings] == [("kafka", False), ("redis", True)]
    assert findings[0].said == "the password is wrong: set SEMSTREAM_KAFKA_PASSWORD"


def test_a_bug_is_no_finding() -> None:
    with pytest.raises(ZeroDivisionError):
        list(examine([("kafka", lambda: str(1 / 0))]))


def test_a_store_that_works_says_so(tmp_path: Path) -> None:
    assert check_store(FolderStore(tmp_path)) == "bucket sem takes and gives objects"


def test_a_store_that_gives_back_something_else_is_found_out(tmp_path: Path) -> None:
    class Liar(FolderStore):
        def get(self, ref: object) -> bytes:
            return b"something else"

    with pytest.raises(TransientError, match="other bytes"):
        check_store(Liar(tmp_path))


def test_a_folder_that_cannot_be_written_to_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (finding,) = examine([("state", lambda: check_folder(tmp_path / "file" / "state"))])
    assert not finding.well


def test_a_folder_with_room_says_how_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": LEAST_FREE_BYTES - 1}))
    with pytest.raises(OSError, match="GiB free; make room"):
        check_folder(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 80 << 30}))
    assert "80 GiB free" in check_folder(tmp_path)


def test_a_clock_that_is_off_is_found_out() -> None:
    assert "within" in check_clock(NOON, NOON + timedelta(seconds=1))
    with pytest.raises(UsageError, match="60 s behind the ledger's"):
        check_clock(NOON, NOON - timedelta(minutes=1))
