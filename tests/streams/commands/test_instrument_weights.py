"""`semstream models promote --instrument`, `undo` and `history`."""

import json
import os
from pathlib import Path

import pytest

from stages.denoise.resident import weights_sha256
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


def history(capsys: Out) -> list[str]:
    capsys.readouterr()
    assert outcome_of(("models", "history", "--pipeline", "site.toml", "--json")) == (0, "")
    return [event["data"]["change"] for event in json.loads(capsys.readouterr().out.splitlines()[-1])]


def undo_interrupted() -> None:
    """Undo, and end between the record and the file."""
    before = text()
    assert undo() == (0, "")
    Path("site.toml").write_text(before)


def test_an_undoing_that_was_recorded_and_not_made_is_made_by_the_next_one(capsys: Out) -> None:
    promote("second")
    once = text()
    promote("third")
    undo_interrupted()
    assert undo() == (0, "")
    assert text() == once, "one promotion is undone, and not two"
    assert "is made now; once more goes one further back" in capsys.readouterr().out
    assert undo() == (0, "")
    assert text() == PIPELINE
    assert history(capsys) == ["promoted", "promoted", "undone", "undone"]


def test_the_undoing_of_the_only_promotion_is_made_by_the_next_one() -> None:
    promote("second")
    undo_interrupted()
    assert undo() == (0, "")
    assert text() == PIPELINE
    assert "no promotion of sem-1 stands" in undo()[1]


def test_a_promotion_after_an_undoing_that_was_not_made_goes_back_to_what_that_left() -> None:
    promote("second")
    undo_interrupted()
    assert promote("third") == (0, "")
    assert undo() == (0, "")
    assert text() == PIPELINE


def test_an_option_put_into_the_table_since_stays_when_the_weights_are_undone() -> None:
    promote("second")
    header = "[denoise.instruments.sem-1.small]\n"
    Path("site.toml").write_text(text().replace(header, f'{header}precision = "fp32"\n'))
    assert undo() == (0, "")
    assert text() == f'{PIPELINE}\n{header}precision = "fp32"\n'


def test_a_table_without_a_line_of_weights_is_one_again_after_an_undo(capsys: Out) -> None:
    own = f'{PIPELINE}\n[denoise.instruments.sem-1.small]\nprecision = "fp32"\n'
    Path("site.toml").write_text(own)
    assert promote("first") == (0, ""), "the weights that it has as any instrument, as its own"
    assert "as any instrument's -> " in capsys.readouterr().out
    assert promote("second") == (0, "")
    assert undo() == (0, "")
    assert undo() == (0, "")
    assert text() == own


def test_a_record_of_old_that_tells_inherited_weights_is_undone_to_the_same(capsys: Out) -> None:
    own = f'{PIPELINE}\n[denoise.instruments.sem-1.small]\nprecision = "fp32"\n'
    Path("site.toml").write_text(own)
    promote("second")
    event = json.loads(Path("site.changes.jsonl").read_bytes())
    event["data"]["candidates"][0]["before"] = {
        "weights": "first.safetensors",
        "sha256": weights_sha256("first.safetensors"),
    }
    Path("site.changes.jsonl").write_text(json.dumps(event) + "\n")
    assert undo() == (0, "")
    assert text() == own.replace("precision", 'weights = "first.safetensors"\nprecision')
    assert history(capsys) == ["promoted", "undone"]


def test_other_content_under_the_same_name_is_promoted_and_undone_once_the_old_is_back() -> None:
    promote("second")
    there, old = text(), Path("second.safetensors").read_bytes()
    small_network(Path("second.safetensors"), seed=9)
    assert promote("second") == (0, "")
    assert "has these weights already" in promote("second")[1]
    assert "put the old file back" in undo()[1]
    Path("second.safetensors").write_bytes(old)
    assert undo() == (0, "")
    assert text() == there
    assert undo() == (0, "")
    assert text() == PIPELINE


def test_a_path_of_any_characters_is_written_so_that_it_is_read() -> None:
    folder = Path('\U0001f600 "é\\ \x7f')
    folder.mkdir()
    Path("second.safetensors").rename(folder / "second.safetensors")
    assert promote(f"{folder}/second") == (0, "")
    assert parts("sem-1") != parts("sem-2")
    assert undo() == (0, "")
    assert text() == PIPELINE


def test_a_path_that_is_no_text_is_wrong_usage() -> None:
    folder = os.fsdecode(b"\xff")
    Path(folder).mkdir()
    Path("second.safetensors").rename(Path(folder) / "second.safetensors")
    Path("second.safetensors").symlink_to(Path(folder) / "second.safetensors")
    code, said = promote("second")
    assert (code, "is no text in UTF-8" in said) == (2, True), said
    assert text() == PIPELINE


def test_what_is_refused_leaves_no_record() -> None:
    assert promote("second", "--candidate", "nlm")[0] == 2
    assert undo()[0] == 2
    assert not Path("site.changes.jsonl").exists()
