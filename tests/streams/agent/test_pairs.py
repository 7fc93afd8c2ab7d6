from pathlib import Path

from streams.agent.journal import FileNote, FileState, Stamp
from streams.agent.pairs import Pairs, is_answered, notes_of, paired
from streams.agent.scan import Sighting

ANSWERS = {FileState.PUBLISHED}


def file(name: str, size_bytes: int = 1) -> Sighting:
    return Sighting(name, Path(name), Stamp(size_bytes, 0), inode=1)


def told(files: list[Sighting]) -> dict[str, str | None]:
    return {file.name: file.second.name if file.second else None for file in files}


def pairs() -> Pairs:
    return Pairs("_f2", wait_s=20)


def test_a_second_frame_is_no_file_of_its_own_while_its_first_is_there() -> None:
    known = pairs()
    assert told(known.found([file("a_f2.tif"), file("b.tif")])) == {"a_f2.tif": None, "b.tif": None}
    assert known.is_orphan(file("a_f2.tif"))
    assert told(known.found([file("a.tif")])) == {"a.tif": "a_f2.tif"}
    assert (known.second("a_f2.tif"), known.second("a.tif")) == (file("a_f2.tif"), None)
    assert not known.is_orphan(file("a_f2.tif"))
    assert told(known.gone(["a.tif", "b.tif"])) == {"a_f2.tif": None}
    assert known.gone(["a_f2.tif", "never.tif"]) == []


def test_a_first_that_comes_late_takes_its_second_from_whoever_had_none_before() -> None:
    known = pairs()
    assert told(known.found([file("a_f2.tif"), file("a_f2_f2.tif")])) == {"a_f2.tif": "a_f2_f2.tif"}
    assert told(known.found([file("a.tif")])) == {"a.tif": "a_f2.tif", "a_f2_f2.tif": None}


def test_a_second_that_changes_brings_its_first() -> None:
    known = pairs()
    known.found([file("a.tif"), file("a_f2.tif"), file("b.tif")])
    (found,) = known.found([file("a_f2.tif", 2)])
    assert (found.name, found.second) == ("a.tif", file("a_f2.tif", 2))


def test_without_a_suffix_nobody_belongs_to_anybody() -> None:
    known = Pairs(None, wait_s=20)
    assert known.found([file("a.tif"), file("a_f2.tif")]) == [file("a.tif"), file("a_f2.tif")]
    assert known.gone(["a.tif"]) == []
    assert (known.second("a_f2.tif"), known.is_orphan(file("a_f2.tif"))) == (None, False)
    assert known.held_s(file("a.tif"), {}) == 0
    assert paired([file("a.tif"), file("a_f2.tif")], None) == [file("a.tif"), file("a_f2.tif")]


def test_a_pair_is_answered_when_both_are_as_they_were_answered_together() -> None:
    (pair,) = paired([file("a.tif"), file("a_f2.tif")], "_f2")
    notes = {note.name: note for note in notes_of(pair, FileState.PUBLISHED)}
    assert is_answered(pair, notes, ANSWERS)
    assert is_answered(file("a.tif"), notes, ANSWERS)
    assert not is_answered(file("a_f2.tif"), notes, ANSWERS)
    (changed,) = paired([file("a.tif"), file("a_f2.tif", 2)], "_f2")
    assert not is_answered(changed, notes, ANSWERS)
    by_itself = {**notes, "a_f2.tif": FileNote("a_f2.tif", Stamp(1, 0), FileState.PUBLISHED)}
    assert not is_answered(pair, by_itself, ANSWERS)


def test_a_file_is_held_while_its_second_frame_may_come() -> None:
    (pair,) = paired([file("a.tif"), file("a_f2.tif")], "_f2")
    notes = {note.name: note for note in notes_of(pair, FileState.PUBLISHED)}
    assert pairs().held_s(file("a.tif"), {}) == 20
    assert pairs().held_s(pair, {}) == 0
    (rewritten,) = paired([file("a.tif", 2), file("a_f2.tif")], "_f2")
    assert pairs().held_s(rewritten, notes) == 20, "its second frame is that of what stood there before"
