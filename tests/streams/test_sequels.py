"""What became of dead letters, by the ledger and by marks in topics."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from streams.adapters.sql_ledger import SqlLedger
from streams.adapters.sql_questions import SqlQuestions
from streams.deadletters import Letter
from streams.ports import Settlement, SettlementId, State
from streams.sequels import After, sequels
from tests.events import NOON
from tests.memory_log import MemoryLog
from tests.streams.test_deadletters import Scene


@dataclass
class Known:
    """Letters, and a ledger that knows more of their images."""

    scene: Scene
    ledger: SqlLedger

    def settle(self, letter: Letter, attempt: int, *, state: State = State.DONE, stage: str = "shade") -> None:
        identity = SettlementId(letter.content.acquisition_id or "", stage, letter.lane, "p2", attempt)
        answer = Settlement(identity, "i", "v", "a.tif", state, NOON, reason=None if state is State.DONE else "NaN")
        self.ledger.settle([], [answer])

    def after(self) -> dict[str, str]:
        """Return what became of each letter, by the ledger and the topics."""
        found = sequels(self.scene.log, self.scene.letters(), SqlQuestions(self.ledger.database))
        return {name: str(sequel) for name, sequel in found.items()}


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Known]:
    ledger = SqlLedger.sqlite(tmp_path / "ledger.sqlite")
    yield Known(Scene(MemoryLog(partitions=1)), ledger)
    ledger.close()


def test_a_later_attempt_in_the_ledger_tells_of_a_retry_whose_mark_is_gone(known: Known) -> None:
    for name in ("a.tif", "b.tif", "c.tif"):
        known.scene.fails(name=name)
    first, second, third = known.scene.letters()
    known.scene.retry()
    known.scene.log.topics["sem.images"] = [[]]  # retention
    assert known.after() == {}
    known.settle(first, 1, state=State.REJECTED)
    known.settle(first, 2)
    known.settle(second, 3, state=State.REJECTED)
    known.settle(third, 2, stage="pick")
    assert known.after() == {
        first.id: "mended: attempt 2 done at 2026-01-02 12:00:00 UTC",
        second.id: "failed again: attempt 3 rejected at 2026-01-02 12:00:00 UTC",
    }


def test_a_retry_without_an_answer_is_known_by_its_mark(known: Known) -> None:
    known.scene.fails()
    (letter,) = known.scene.letters()
    known.settle(letter, 1, state=State.REJECTED)
    assert known.after() == {}
    known.scene.time += timedelta(hours=2)
    known.scene.retry()
    assert known.after() == {letter.id: "sent again: sem.images/0/1"}


def test_topics_are_not_read_for_what_the_ledger_knows(known: Known) -> None:
    known.scene.fails()
    (letter,) = known.scene.letters()
    known.settle(letter, 2)
    letters = known.scene.letters()
    known.scene.log.reads.clear()
    found = sequels(known.scene.log, letters, SqlQuestions(known.ledger.database))
    assert ([sequel.after for sequel in found.values()], known.scene.log.reads) == ([After.MENDED], [])


@pytest.mark.parametrize("attempt", [0, -1, 10**30])
def test_no_letter_asks_the_ledger_what_it_cannot_hold(known: Known, attempt: int) -> None:
    known.scene.fails()
    (letter,) = known.scene.letters()
    odd = replace(letter, content=letter.content.but(attempt=attempt, stage="sh\0ade"))
    assert sequels(known.scene.log, [odd], SqlQuestions(known.ledger.database)) == {}
