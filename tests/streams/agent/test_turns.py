from collections.abc import Container

from streams.agent.turns import Turns


def turns(items: str, *, at_once: int = 2, recent: int = 1) -> Turns[str]:
    made: Turns[str] = Turns(at_once=at_once, recent=recent)
    for item in items:
        made.add(item)
    return made


def rounds(of: Turns[str], count: int, there: Container[str] = "abcdef") -> list[str]:
    return ["".join(of.some(there.__contains__)) for _ in range(count)]


def test_all_have_their_turn_and_the_one_that_changed_last_is_always_there() -> None:
    assert rounds(turns("abcde"), 3) == ["eab", "ecd", "ea"]
    some = turns("abcde")
    some.changed("c")
    assert rounds(some, 3) == ["cab", "cd", "cea"]


def test_who_is_gone_leaves_for_good_and_may_come_back() -> None:
    some = turns("abc")
    assert rounds(some, 2, "ac") == ["ca", "ca"]
    assert rounds(some, 2) == ["ca", "ca"]
    some.add("b")
    assert rounds(some, 2) == ["bca", "bc"]


def test_who_is_added_twice_has_one_turn() -> None:
    some = turns("abab", at_once=4)
    assert rounds(some, 1) == ["ba"]
