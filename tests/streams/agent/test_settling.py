import math
from dataclasses import replace
from pathlib import Path

from streams.agent.journal import Stamp
from streams.agent.scan import Sighting
from streams.agent.settling import Settling


def file(name: str, size_bytes: int = 1) -> Sighting:
    return Sighting(name, Path(name), Stamp(size_bytes, 0), inode=1)


def settling() -> Settling:
    return Settling(settle_s=2, give_up_s=10)


def names(files: list[Sighting]) -> list[str]:
    return [file.name for file in files]


def test_a_file_is_due_when_it_has_rested_and_then_handed_out_once() -> None:
    waiting = settling()
    waiting.watch(file("a"), 0)
    assert (waiting.due(1.9, 10), waiting.next_due()) == ([], 2)
    assert names(waiting.due(2, 10)) == ["a"]
    assert (waiting.due(5, 10), waiting.next_due()) == ([], math.inf)


def test_those_who_have_rested_longest_come_first_and_no_more_than_asked_for() -> None:
    waiting = settling()
    for number, name in enumerate("cab"):
        waiting.watch(file(name), number)
    assert names(waiting.due(10, 2)) == ["c", "a"]
    assert names(waiting.due(10, 2)) == ["b"]


def test_a_change_begins_the_rest_anew_and_a_second_look_does_not() -> None:
    waiting = settling()
    waiting.watch(file("a"), 0)
    waiting.watch(file("a"), 1)
    assert waiting.next_due() == 2
    waiting.watch(file("a", 2), 1.5)
    assert waiting.next_due() == 3.5
    assert names(waiting.due(10, 10)) == ["a"]
    assert waiting.due(10, 10) == []


def test_who_is_held_rests_from_then_on_and_no_longer_once_its_second_frame_is_there() -> None:
    waiting = settling()
    waiting.watch(file("a"), 0, held_s=20)
    waiting.watch(file("a"), 1, held_s=20)
    assert waiting.next_due() == 22
    waiting.watch(replace(file("a"), second=file("a_f2")), 5)
    assert waiting.next_due() == 7
    waiting.watch(replace(file("a"), second=file("a_f2", 2)), 6)
    assert waiting.next_due() == 8


def test_what_cannot_be_read_is_tried_at_doubling_intervals_until_its_time_is_over() -> None:
    waiting = settling()
    waiting.watch(file("a"), 0)
    tries = []
    now = 0.0
    while (now := waiting.next_due()) < math.inf:
        (found,) = waiting.due(now, 10)
        tries.append(now)
        if not waiting.postpone(found.name, now):
            waiting.done(found.name)
    assert tries == [2, 4, 8, 10]
    assert "a" not in waiting


def test_who_is_done_is_not_handed_out() -> None:
    waiting = settling()
    waiting.watch(file("a"), 0)
    assert "a" in waiting
    assert waiting.done("a") == file("a")
    assert waiting.done("a") is None
    assert (waiting.due(10, 10), waiting.next_due()) == ([], math.inf)


def test_who_comes_back_in_the_same_moment_is_handed_out_once() -> None:
    waiting = settling()
    waiting.watch(file("a"), 0)
    waiting.done("a")
    waiting.watch(file("a"), 0)
    assert names(waiting.due(2, 10)) == ["a"]
