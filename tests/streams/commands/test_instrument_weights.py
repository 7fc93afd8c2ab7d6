"""`semstream models promote --instrument`, `undo` and `history`."""

import json
from pathlib import Path

import pytest

from streams.cli import outcome_of
from streams.pipeline import load_pipeline
from tests.events import image_event
from tests.networks import pipeline_with, small_network

Out = pytest.CaptureFixture[str]
PIPELINE = pipeline_with('weights = "first.safetensors"   # of all')
SITE = ("--instrument", "sem-1", "--pipeline", "site.toml")


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in a folder with ``site.toml`` and three files of weights that fit its candidate ``small``."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("first", "second", "third")):
        small_network(Path(f"{name}.safetensors"), seed=seed)
    Path("site.toml").write_text(PIPELINE)


def promote(name: str, *more: str) -> tuple[int, str]:
    return outcome_of(("models", "promote", f"{name}.safetensors", *SITE, *more))


def undo() -> tuple[int, str]:
    return outcome_of(("models", "undo", *SITE))


def parts(instrument: str) -> dict[str, str]:
    event = image_event()
    stage = load_pipeline(Path("site.toml")).stages[0]
    return dict(stage.parts(event.but(image=event.image.but(instrument_id=instrument))))


def text() -> str:
    return Path("site.toml").read_text()


def test_a_promotion_changes_one_candidate_of_one_instrument_and_undo_gives_back_the_file(capsys: Out) -> None:
    before, others = parts("sem-1"), parts("sem-2")
    assert promote("second") == (0, "")
    said = capsys.readouterr().out
    assert "small of images of sem-1: as any instrument's -> " in said
    assert "when they are started again" in said
    promoted = parts("sem-1")
    assert {name for name in promoted if promoted[name] != before[name]} == {"small"}
    assert parts("sem-2") == others
    assert text().startswith(PIPELINE)
    assert undo() == (0, "")
    assert text() == PIPELINE


def test_undo_goes_one_further_back_each_time_and_then_there_is_nothing(capsys: Out) -> None:
    promote("second")
    once = text()
    promote("third")
    assert undo() == (0, "")
    assert text() == once
    assert undo() == (0, "")
    assert text() == PIPELINE
    code, said = undo()
    assert code == 2
    assert "no promotion of sem-1 stands" in said
    assert outcome_of(("models", "history", "--pipeline", "site.toml", "--json")) == (0, "")
    events = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [event["data"]["change"] for event in events] == ["promoted", "promoted", "undone", "undone"]
    assert [event["data"]["undoes"] for event in events] == [None, None, events[1]["id"], events[0]["id"]]
    assert events[0]["data"]["pipeline_before"] == events[3]["data"]["pipeline_after"]


def test_later_edits_of_other_tables_outlive_an_undo() -> None:
    promote("second")
    Path("site.toml").write_text(text().replace("[selector]", "[selector]\nevidence_z = 7.0"))
    assert undo() == (0, "")
    assert text() == PIPELINE.replace("[selector]", "[selector]\nevidence_z = 7.0")


def test_what_was_changed_by_hand_since_is_not_undone() -> None:
    promote("second")
    Path("site.toml").write_text(edited := text().replace("second.safetensors", "third.safetensors"))
    code, said = undo()
    assert (code, text()) == (2, edited)
    assert "changed by hand" in said


def test_weights_that_are_others_than_before_are_not_gone_back_to() -> None:
    promote("second")
    promote("third")
    there = text()
    small_network(Path("second.safetensors"), seed=9)
    assert "put the old file back" in undo()[1]
    Path("second.safetensors").unlink()
    assert "are gone" in undo()[1]
    assert text() == there


def test_weights_that_are_gone_can_be_undone(capsys: Out) -> None:
    promote("second")
    Path("second.safetensors").unlink()
    assert undo() == (0, "")
    assert text() == PIPELINE
    assert "pipeline (unreadable) -> " in capsys.readouterr().out


def test_the_file_keeps_its_mode() -> None:
    Path("site.toml").chmod(0o640)
    promote("second")
    assert Path("site.toml").stat().st_mode & 0o777 == 0o640


def test_a_promotion_that_was_recorded_and_not_made_can_be_made_or_undone() -> None:
    promote("second")
    Path("site.toml").write_text(PIPELINE)  # as a crash between record and file leaves it
    assert undo() == (0, "")
    assert text() == PIPELINE
    assert promote("second") == (0, "")
    assert undo() == (0, "")
    assert text() == PIPELINE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--candidate", "unet"), "does not fit a network of widths (32, 64, 128)"),
        (("--candidate", "nlm"), "its networks are unet, small"),
        (("--out", "new.toml"), "leave --out out"),
        (("--instrument", "Sem 1"), "is no id"),
    ],
)
def test_a_wrong_promotion_is_one_line_and_changes_nothing(arguments: tuple[str, ...], said: str) -> None:
    code, message = promote("second", *arguments)
    assert (code, said in message) == (2, True), message
    assert text() == PIPELINE


def test_weights_that_it_has_already_are_no_change() -> None:
    promote("second")
    there = text()
    assert "has these weights already" in promote("second")[1]
    assert text() == there


def test_a_table_written_in_another_form_is_left_to_its_owner() -> None:
    other = PIPELINE.replace("[selector]", '[denoise.instruments]\nsem-1 = {small = {weights = "third.safetensors"}}')
    Path("site.toml").write_text(other)
    code, _ = promote("second")
    assert (code, text()) == (2, other)


def test_an_indented_table_of_another_instrument_is_left_as_it_is() -> None:
    promote("second")
    other = '  [denoise.instruments.sem-2.small]\nweights = "third.safetensors"\n'
    Path("site.toml").write_text(text() + other)
    third = parts("sem-2")
    assert promote("first") == (0, "")
    assert parts("sem-2") == third
    assert text().endswith(other)
    assert undo() == (0, "")
    assert undo() == (0, "")
    assert parts("sem-2") == third


def test_a_comment_below_the_table_outlives_an_undo() -> None:
    promote("second")
    Path("site.toml").write_text(text() + "\n# how it runs here\n[run.denoise]\n")
    assert undo() == (0, "")
    assert text() == PIPELINE + "\n# how it runs here\n[run.denoise]\n"


def test_the_line_ends_of_a_file_stay_what_they_are() -> None:
    ends = PIPELINE.replace("\n", "\r\n").encode()
    Path("site.toml").write_bytes(ends)
    assert promote("second") == (0, "")
    promoted = Path("site.toml").read_bytes()
    assert promoted.startswith(ends)
    assert promoted.count(b"\n") == promoted.count(b"\r\n")
    assert undo() == (0, "")
    assert Path("site.toml").read_bytes() == ends
