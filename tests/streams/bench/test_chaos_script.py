"""What goes wrong follows from the seed alone."""

from streams.bench.chaos.faults.catalogue import CATALOGUE
from streams.bench.chaos.figures import TWO, RoundTimes, by_fault
from streams.bench.chaos.script import script_of
from tests.streams.bench.chaotic import figures


def test_a_seed_gives_the_same_script_again_and_another_seed_another_one() -> None:
    script = script_of(7, CATALOGUE, rounds=12)
    assert script_of(7, CATALOGUE, rounds=12) == script
    assert script_of(8, CATALOGUE, rounds=12) != script


def test_no_fault_comes_a_second_time_before_all_have_come_once() -> None:
    dealt = [fault.name for one in script_of(3, CATALOGUE, rounds=60) for fault in one.faults]
    first = dealt[: len(CATALOGUE)]
    assert sorted(first) == sorted(fault.name for fault in CATALOGUE)


def test_two_faults_at_one_time_never_have_one_target() -> None:
    pairs = [one.faults for seed in range(50) for one in script_of(seed, CATALOGUE, rounds=12) if len(one.faults) == 2]
    assert pairs
    assert all(first.target != second.target for first, second in pairs)


def test_names_of_faults_are_unique() -> None:
    assert len({fault.name for fault in CATALOGUE}) == len(CATALOGUE)


def test_rounds_of_several_runs_are_gathered_by_fault_and_those_of_two_faults_apart() -> None:
    slow = RoundTimes(faults=("slow",), held_s=1, recovery_s=1.0, drained_s=2.0)
    slower = slow.but(recovery_s=3.0, drained_s=None)
    both = RoundTimes(faults=("slow", "cut"), held_s=1, recovery_s=9.0, drained_s=9.0)
    found = {one.name: one for one in by_fault([figures(slow, both), figures(slower)])}
    assert set(found) == {"slow", TWO}
    assert (found["slow"].times, found[TWO].times) == (2, 1)
    assert found["slow"].recovery_s is not None
    assert (found["slow"].recovery_s.p50, found["slow"].recovery_s.max) == (2.0, 3.0)
    assert found["slow"].drained_s is not None
    assert found["slow"].drained_s.max == 2.0


def test_figures_hold_only_where_nothing_is_wrong() -> None:
    assert figures().holds
    for wrong in ({"lost": 1}, {"doubled": 1}, {"dead_letters": 1}, {"problems": ("a dead letter",)}):
        assert not figures().but(**wrong).holds


def test_json_tells_the_spread_of_the_recoveries() -> None:
    text = figures(RoundTimes(faults=("slow",), held_s=1, recovery_s=1.5, drained_s=None)).to_json().decode()
    assert '"recovery_s":{"p50":1.5,"max":1.5}' in text
    assert '"drained_s":null' in text
