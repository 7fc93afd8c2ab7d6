"""What a process had in hand when it died is reported by whoever starts next."""

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.errors import TransientError
from streams.ports import SettlementId
from streams.suspects import InHand, report_the_dead, why_not_again

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
A = SettlementId("a", "filter", "live", "p", 1)
B = SettlementId("b", "filter", "live", "p", 2)

MORTAL = """
import os, sys
from pathlib import Path
from streams.ports import SettlementId
from streams.suspects import InHand
hand = InHand(Path(sys.argv[1]))
with hand.holding([SettlementId("x" * 200, "filter", "live", "p", 1)]):
    pass
a, b = SettlementId("a", "filter", "live", "p", 1), SettlementId("b", "filter", "live", "p", 2)
with hand.holding([a]), hand.holding([b]):
    os._exit(9)
"""


class CountedDeaths:
    def __init__(self) -> None:
        self.counts: Counter[SettlementId] = Counter()

    def report(self, ids: Collection[SettlementId], *, at: datetime, host: str) -> None:
        self.counts.update(ids)

    def deaths(self, ids: Collection[SettlementId]) -> dict[SettlementId, int]:
        return {identity: self.counts[identity] for identity in ids if identity in self.counts}


def test_what_a_dead_process_had_in_hand_is_reported_once(tmp_path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", MORTAL, str(tmp_path)], cwd=Path(__file__).parents[2], check=False)
    assert died.returncode == 9
    suspects = CountedDeaths()
    assert report_the_dead(tmp_path, suspects, now=NOON) == 2
    assert suspects.counts == {A: 1, B: 1}
    assert report_the_dead(tmp_path, suspects, now=NOON) == 0
    assert list(tmp_path.iterdir()) == []


def test_the_living_are_left_alone(tmp_path: Path) -> None:
    hand = InHand(tmp_path)
    with hand.holding([A]):
        assert report_the_dead(tmp_path, CountedDeaths(), now=NOON) == 0
        assert len(list(tmp_path.iterdir())) == 1
    hand.close()
    assert list(tmp_path.iterdir()) == []


def test_what_an_error_was_about_stays_noted(tmp_path: Path) -> None:
    hand = InHand(tmp_path)
    with pytest.raises(ZeroDivisionError), hand.holding([A]):
        _ = 1 / 0
    hand.close()
    suspects = CountedDeaths()
    assert report_the_dead(tmp_path, suspects, now=NOON) == 1
    assert suspects.counts == {A: 1}


@pytest.mark.parametrize("error", [TransientError("the store does not answer"), OSError(28, "No space left on device")])
def test_no_image_is_blamed_for_the_world(tmp_path: Path, error: Exception) -> None:
    hand = InHand(tmp_path)
    with pytest.raises(type(error)), hand.holding_alone(A):
        raise error
    with hand.holding([B]):
        pass
    hand.close()
    assert report_the_dead(tmp_path, CountedDeaths(), now=NOON) == 0


def test_a_report_that_fails_is_made_again(tmp_path: Path) -> None:
    class Unreachable(CountedDeaths):
        def report(self, ids: Collection[SettlementId], *, at: datetime, host: str) -> None:
            raise ConnectionError

    subprocess.run([sys.executable, "-c", MORTAL, str(tmp_path)], cwd=Path(__file__).parents[2], check=False)
    with pytest.raises(ConnectionError):
        report_the_dead(tmp_path, Unreachable(), now=NOON)
    assert report_the_dead(tmp_path, CountedDeaths(), now=NOON) == 2


def test_a_suspect_runs_while_nothing_else_is_in_hand(tmp_path: Path) -> None:
    hand = InHand(tmp_path)
    order: list[str] = []
    other_holds, suspect_waits = threading.Event(), threading.Event()

    def other() -> None:
        with hand.holding([A]):
            other_holds.set()
            suspect_waits.wait(10)
            order.append("other ends")

    def suspect() -> None:
        other_holds.wait(10)
        suspect_waits.set()
        with hand.holding_alone(B):
            order.append("suspect runs")
            late.start()
            late.join(0.05)
            order.append("suspect ends")

    def latecomer() -> None:
        with hand.holding([A]):
            order.append("latecomer runs")

    late = threading.Thread(target=latecomer)
    threads = [threading.Thread(target=target) for target in (other, suspect)]
    for thread in threads:
        thread.start()
    for thread in (*threads, late):
        thread.join(10)
    assert order == ["other ends", "suspect runs", "suspect ends", "latecomer runs"]
    hand.close()


def test_a_full_disk_costs_names_and_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = InHand(tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with hand.holding([A]):
        pass
    hand.close()


def test_the_third_death_is_one_too_many_and_says_what_to_do() -> None:
    assert [why_not_again(deaths) for deaths in (0, 1, 2)] == [None, None, None]
    assert "3 workers died" in (why_not_again(3) or "")
    assert "semstream dlq retry" in (why_not_again(3) or "")


@pytest.mark.parametrize("content", [b"\0" * 64, b'[["a", "filter"', b'[["a", "filter", "live", "p", 1, "more"]]'])
def test_a_torn_or_foreign_file_keeps_nobody_from_starting(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "1-abc.in-hand").write_bytes(content)
    assert report_the_dead(tmp_path, CountedDeaths(), now=NOON) == 0
    assert list(tmp_path.iterdir()) == []


def test_what_an_orderly_end_abandons_is_not_to_blame(tmp_path: Path) -> None:
    in_hand = InHand(tmp_path)
    with pytest.raises(ZeroDivisionError), in_hand.holding([A]):
        raise ZeroDivisionError
    with in_hand.holding([B]):
        in_hand.close()
    suspects = CountedDeaths()
    report_the_dead(tmp_path, suspects, now=NOON)
    assert suspects.counts == {A: 1}
