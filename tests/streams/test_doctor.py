"""The doctor tries everything, whatever fails, and says what to do."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streams.adapters.folder_store import FolderStore
from streams.cli import outcome_of
from streams.doctor import LEAST_FREE_BYTES, Probe, check_clock, check_folder, check_store, examine
from streams.errors import TransientError, UsageError

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ABSENT = """
[kafka]
bootstrap_servers = "127.0.0.1:1"
[s3]
endpoint_url = "http://127.0.0.1:1"
access_key = "a"
secret_key = "b"
[redis]
url = "redis://127.0.0.1:1/0"
[postgres]
url = "postgresql://nobody@127.0.0.1:1/none"
[worker]
state = "{}"
"""


def test_one_failure_stops_no_other_check() -> None:
    def refused() -> str:
        raise UsageError("the password\nis wrong: set SEMSTREAM_KAFKA_PASSWORD")

    findings = list(examine([Probe("kafka", refused), Probe("redis", lambda: "answers")]))
    assert [(one.what, one.well) for one in findings] == [("kafka", False), ("redis", True)]
    assert findings[0].said == "the password is wrong: set SEMSTREAM_KAFKA_PASSWORD"


def test_checks_run_side_by_side_and_are_told_in_order() -> None:
    both = threading.Barrier(2)

    def met() -> str:
        both.wait(30)
        return "met"

    findings = list(examine([Probe("kafka", met), Probe("s3", met)]))
    assert [(one.what, one.said) for one in findings] == [("kafka", "met"), ("s3", "met")]


def test_what_needs_a_dependency_that_fails_does_not_repeat_its_reason() -> None:
    def away() -> str:
        raise TransientError("nobody answers at ledger:5432")

    findings = list(examine([Probe("postgres", away), Probe("clock", away, needs="postgres")]))
    assert [one.said for one in findings] == [
        "nobody answers at ledger:5432",
        "cannot be looked at: postgres fails",
    ]


def test_a_doctor_without_services_says_of_each_once_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("streams.wiring.doctor.PATIENCE_S", 0.5)
    (tmp_path / "settings.toml").write_text(ABSENT.format(tmp_path / "state"))
    assert outcome_of(["doctor", "--settings", str(tmp_path / "settings.toml"), "--json"])[0] == 1
    told = {check["what"]: check["said"] for check in json.loads(capsys.readouterr().out.splitlines()[-1])["checks"]}
    assert told["topics"] == "cannot be looked at: kafka fails"
    assert told["clock"] == "cannot be looked at: postgres fails"
    assert "start it, or correct [redis] url in the settings" in told["redis"]
    assert len(set(told.values())) == len(told)


def test_a_bug_is_no_finding() -> None:
    with pytest.raises(ZeroDivisionError):
        list(examine([Probe("kafka", lambda: str(1 / 0))]))


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
    (finding,) = examine([Probe("state", lambda: check_folder(tmp_path / "file" / "state"))])
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
