import json
from pathlib import Path

import pytest

from streams.telemetry import Telemetry
from streams.telemetry.discovery import listed
from streams.telemetry.serving import served
from tests.streams.telemetry.test_serving import free_port


def test_a_process_is_listed_while_it_serves(tmp_path: Path) -> None:
    folder, port = tmp_path / "targets", free_port()
    with served(Telemetry(), lambda: None, port=port, targets=folder):
        (file,) = folder.iterdir()
        assert file.suffix == ".json"
        assert json.loads(file.read_text()) == [{"targets": [f"127.0.0.1:{port}"], "labels": {"site": "local"}}]
    assert list(folder.iterdir()) == []


def test_who_ends_by_an_error_is_listed_no_more(tmp_path: Path) -> None:
    with pytest.raises(KeyError), listed(tmp_path, 9464):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_keeps_nobody_from_working(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with listed(tmp_path / "file", 9464):
        worked = True
    assert worked


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with listed(None, 9464):
        assert list(tmp_path.iterdir()) == []
