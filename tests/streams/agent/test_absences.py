from pathlib import Path

from streams.agent.absences import Absences
from streams.agent.journal import Stamp
from streams.agent.scan import Sighting


def file(name: str, inode: int) -> Sighting:
    return Sighting(name, Path(name), Stamp(1, 1), inode)


def test_who_does_not_come_back_is_lost_once() -> None:
    absences = Absences(give_up_s=10)
    absences.gone(file("a", 1), 0)
    absences.gone(file("b", 2), 5)
    absences.gone(file("a", 1), 9)
    assert absences.lost(9) == []
    assert absences.lost(10) == [file("a", 1)]
    assert absences.lost(14) == []
    assert absences.lost(15) == [file("b", 2)]


def test_who_comes_back_or_has_another_name_is_not_lost() -> None:
    absences = Absences(give_up_s=10)
    absences.gone(file("a", 1), 0)
    absences.gone(file("b", 2), 0)
    absences.gone(file("c", 3), 0)
    assert absences.back([file("a", 7), file("d", 2)]) == ["b"]
    assert ("a" in absences, "b" in absences, "c" in absences) == (False, False, True)
    assert absences.lost(100) == [file("c", 3)]
