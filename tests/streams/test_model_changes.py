"""The record of changes of an instrument's weights."""

import json
from fcntl import flock
from pathlib import Path
from typing import BinaryIO

import pytest

from streams.errors import UsageError
from streams.model_changes import (
    CandidateChange,
    Change,
    ModelChange,
    WeightsNamed,
    changes_of,
    read_changes,
    record_of,
)
from streams.whole_file import write_whole
from tests.events import NOON


def change(instrument: str = "sem-1", undoes: str | None = None) -> ModelChange:
    after = WeightsNamed(weights="a.safetensors", sha256="ab" * 32)
    return ModelChange(
        change=Change.UNDONE if undoes else Change.PROMOTED,
        instrument_id=instrument,
        pipeline_before="1" * 16,
        pipeline_after="2" * 16,
        candidates=(CandidateChange(stage="denoise", candidate="unet", before=None, after=after),),
        undoes=undoes,
    )


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.touch()
    return path


def test_every_change_is_a_cloudevent_on_a_line_of_its_own(pipeline: Path) -> None:
    for instrument in ("sem-1", "sem-2"):
        with changes_of(pipeline) as record:
            record.append(change(instrument), NOON)
    lines = [json.loads(line) for line in record_of(pipeline).read_bytes().splitlines()]
    assert [line["subject"] for line in lines] == ["sem-1", "sem-2"]
    assert {"specversion", "id", "type", "source", "time", "data"} < set(lines[0])
    assert lines[0]["id"] != lines[1]["id"]
    assert [event.subject for event in read_changes(pipeline)] == ["sem-1", "sem-2"]


def test_what_stands_is_the_last_promotion_of_that_instrument_that_was_not_undone(pipeline: Path) -> None:
    with changes_of(pipeline) as record:
        first = record.append(change(), NOON)
        second = record.append(change(), NOON)
        record.append(change("sem-2"), NOON)
        assert record.standing("sem-1") == second
        record.append(change(undoes=second.id), NOON)
        assert record.standing("sem-1") == first
        record.append(change(undoes=first.id), NOON)
        assert record.standing("sem-1") is None


def test_a_line_that_a_crash_tore_is_passed_over_and_the_next_one_is_whole(pipeline: Path) -> None:
    with changes_of(pipeline) as record:
        record.append(change(), NOON)
    with record_of(pipeline).open("ab") as file:
        file.write(b'{"specversion":"1.0","id":"torn')
    with changes_of(pipeline) as record:
        record.append(change("sem-2"), NOON)
    assert [event.subject for event in read_changes(pipeline)] == ["sem-1", "sem-2"]


def test_one_process_at_a_time_holds_it(pipeline: Path) -> None:
    with changes_of(pipeline), pytest.raises(UsageError, match="another semstream is changing"), changes_of(pipeline):
        pass


def test_of_a_pipeline_that_was_never_changed_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert read_changes(tmp_path / "site.toml") == []
    assert not record_of(tmp_path / "site.toml").exists()


def test_a_file_that_does_not_exist_gets_no_record(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no pipeline file"), changes_of(tmp_path / "site.toml"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_waited_at_the_file_of_before_holds_nothing(
    pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with changes_of(pipeline):
        write_whole(pipeline, b"changed")
        with changes_of(pipeline):
            pass  # whoever comes now finds the new file

    def after_another(file: BinaryIO, how: int) -> None:
        write_whole(pipeline, b"changed again")
        flock(file, how)

    monkeypatch.setattr("streams.model_changes.fcntl.flock", after_another)
    with pytest.raises(UsageError, match="another semstream is changing"), changes_of(pipeline):
        pass


def test_a_record_that_cannot_be_written_is_wrong_usage(pipeline: Path) -> None:
    record_of(pipeline).mkdir()
    with pytest.raises(UsageError, match="cannot write the record of changes"), changes_of(pipeline) as record:
        record.append(change(), NOON)


def test_a_file_that_was_only_held_gets_no_record(pipeline: Path) -> None:
    with changes_of(pipeline) as record:
        assert record.last("sem-1") is None
    assert not record_of(pipeline).exists()


def test_what_was_told_of_a_candidate_last_is_what_an_undoing_left_it_with(pipeline: Path) -> None:
    with changes_of(pipeline) as record:
        first = record.append(change(), NOON)
        assert record.told("sem-1", "denoise", "unet") == first.data.candidates[0].after
        undoing = change(undoes=first.id)
        record.append(undoing.but(candidates=tuple(one.undone for one in undoing.candidates)), NOON)
        assert record.told("sem-1", "denoise", "unet") is None
        assert record.told("sem-2", "denoise", "unet") is None
