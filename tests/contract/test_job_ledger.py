"""The one contract of every job ledger."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from streams.adapters.sql_ledger import SqlLedger
from streams.ports import JobLedger, OutcomeRow, Settlement, SettlementId, State
from tests.events import NOON


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[JobLedger]:
    ledger = SqlLedger.sqlite(tmp_path / "ledger.sqlite")
    yield ledger
    ledger.close()


def row(key: str, body: bytes = b"body") -> OutcomeRow:
    return OutcomeRow(key, body, NOON)


def settlement(acquisition: str = "a", **changes: object) -> Settlement:
    identity = SettlementId(acquisition, "filter", "live", "p1", 1)
    done = Settlement(identity, "image-1", "v1", "a.tif", State.DONE, NOON, computed=("raw", "gaussian"))
    return replace(done, **changes)  # type: ignore[arg-type]


def test_outcomes_are_returned_as_they_were_settled(ledger: JobLedger) -> None:
    settled = ledger.settle([row("i:v:filter:1", b"one"), row("i:v:filter:2", b"two")], [])
    assert settled.bodies == {"i:v:filter:1": b"one", "i:v:filter:2": b"two"}
    assert ledger.bodies(["i:v:filter:2", "i:v:filter:3"]) == {"i:v:filter:2": b"two"}


def test_the_first_to_write_an_outcome_wins_and_the_second_is_told(ledger: JobLedger) -> None:
    ledger.settle([row("i:v:filter:1", b"first")], [])
    settled = ledger.settle([row("i:v:filter:1", b"second"), row("i:v:filter:2", b"new")], [])
    assert settled.bodies == {"i:v:filter:1": b"first", "i:v:filter:2": b"new"}


def test_the_first_answer_to_an_event_stands(ledger: JobLedger) -> None:
    ledger.settle([], [settlement()])
    late = settlement(state=State.REJECTED, reason="too late", computed=())
    settled = ledger.settle([], [late])
    assert settled.settlements == {late.id: settlement()}
    assert ledger.settlements([late.id]) == {late.id: settlement()}


def test_a_higher_attempt_and_another_pipeline_are_answered_anew(ledger: JobLedger) -> None:
    rejected = settlement(state=State.REJECTED, reason="NaN", computed=())
    ledger.settle([], [rejected])
    retried = settlement(id=replace(rejected.id, attempt=2))
    other = settlement(id=replace(rejected.id, pipeline="p2"))
    assert ledger.settle([], [retried, other]).settlements == {retried.id: retried, other.id: other}


def test_forgotten_outcomes_can_be_settled_anew(ledger: JobLedger) -> None:
    ledger.settle([row("i:v:filter:1", b"first")], [])
    ledger.forget(["i:v:filter:1"])
    assert ledger.bodies(["i:v:filter:1"]) == {}
    assert ledger.settle([row("i:v:filter:1", b"second")], []).bodies == {"i:v:filter:1": b"second"}


def test_the_history_of_an_image_is_found_by_id_and_by_name(ledger: JobLedger) -> None:
    ledger.settle([row("image-1:v1:filter:1"), row("image-2:v1:filter:1")], [settlement()])
    other = settlement("b", image_id="image-2", source_name="b.tif")
    ledger.settle([], [other])
    for wanted in ("image-1", "a.tif"):
        outcomes, settlements = ledger.history(wanted)
        assert [outcome.key for outcome in outcomes] == ["image-1:v1:filter:1"]
        assert settlements == [settlement()]
    assert [s.image_id for s in ledger.history("image-")[1]] == ["image-1", "image-2"]
    assert ledger.history("image-%") == ([], [])
    assert ledger.history("image_1") == ([], [])


def test_more_keys_than_a_statement_takes_are_no_trouble(ledger: JobLedger) -> None:
    rows = [row(f"i{n}:v:filter:1", str(n).encode()) for n in range(1500)]
    settlements = [settlement(f"a{n}") for n in range(300)]
    settled = ledger.settle(rows, settlements)
    assert len(settled.bodies) == 1500
    assert ledger.settlements([s.id for s in settlements]) == {s.id: s for s in settlements}


def test_writers_at_the_same_time_agree_on_one_winner(ledger: JobLedger) -> None:
    def settle(writer: int) -> bytes:
        return ledger.settle([row("i:v:filter:1", str(writer).encode())], [settlement()]).bodies["i:v:filter:1"]

    with ThreadPoolExecutor(8) as pool:
        winners = set(pool.map(settle, range(40)))
    assert len(winners) == 1


def test_what_was_settled_is_there_after_reopening(tmp_path: Path) -> None:
    first = SqlLedger.sqlite(tmp_path / "ledger.sqlite")
    first.settle([row("i:v:filter:1", b"one")], [settlement()])
    first.close()
    again = SqlLedger.sqlite(tmp_path / "ledger.sqlite")
    assert again.bodies(["i:v:filter:1"]) == {"i:v:filter:1": b"one"}
    assert again.settlements([settlement().id]) == {settlement().id: settlement()}
    again.close()
