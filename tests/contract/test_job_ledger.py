"""The one contract of every job ledger."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from streams.adapters.sql_ledger import SqlLedger
from streams.ports import JobLedger, OutcomeRow, Settled, Settlement, SettlementId, State
from streams.settings import PostgresSettings
from tests.databases import empty_tables, migrated_database
from tests.events import NOON


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresSettings]:
    with migrated_database() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgres"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], SqlLedger]:
    """Open the same ledger, again and again."""
    if request.param == "sqlite":
        return lambda: SqlLedger.sqlite(tmp_path / "ledger.sqlite")
    found = request.getfixturevalue("server")
    empty_tables(found)
    return lambda: SqlLedger.postgres(found, connections=8)


@pytest.fixture
def ledger(reopen: Callable[[], SqlLedger]) -> Iterator[SqlLedger]:
    ledger = reopen()
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


def test_the_history_of_an_image_is_found_by_id_by_name_and_by_acquisition(ledger: JobLedger) -> None:
    ledger.settle([row("image-1:v1:filter:1"), row("image-2:v1:filter:1")], [settlement()])
    other = settlement("b", image_id="image-2", source_name="b.tif")
    ledger.settle([], [other])
    for wanted in ("image-1", "a.tif", settlement().id.acquisition_id):
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


def test_what_was_settled_is_there_after_reopening(reopen: Callable[[], SqlLedger]) -> None:
    first = reopen()
    first.settle([row("i:v:filter:1", b"one")], [settlement(chosen="gaussian")])
    first.close()
    again = reopen()
    assert again.bodies(["i:v:filter:1"]) == {"i:v:filter:1": b"one"}
    assert again.settlements([settlement().id]) == {settlement().id: settlement(chosen="gaussian")}
    again.close()


def test_nothing_asked_and_nothing_given_is_nothing_done(ledger: JobLedger) -> None:
    ledger.forget([])
    assert ledger.bodies([]) == {}
    assert ledger.settlements([]) == {}
    assert ledger.settle([], []) == Settled({}, {})


def test_the_first_of_two_entries_for_the_same_in_one_batch_stands(ledger: JobLedger) -> None:
    late = settlement(state=State.REJECTED, reason="late")
    settled = ledger.settle([row("i:v:filter:1", b"1"), row("i:v:filter:1", b"2")], [settlement(), late])
    assert settled.bodies == ledger.bodies(["i:v:filter:1"]) == {"i:v:filter:1": b"1"}
    assert settled.settlements == ledger.settlements([late.id]) == {late.id: settlement()}


def test_texts_come_back_whatever_is_in_them(ledger: JobLedger) -> None:
    odd = "µ \U0001f52c \" ' \\ {1,2} NULL % _ \u2028 \n :x %(y)s"
    rejected = settlement(odd, source_name=f"{odd}/{odd}", state=State.REJECTED, reason=odd, computed=())
    body = f'{{"name": "{odd}"}}'.encode()
    settled = ledger.settle([row(f"{odd}:v:filter:1", body)], [rejected])
    assert ledger.bodies([f"{odd}:v:filter:1"]) == settled.bodies == {f"{odd}:v:filter:1": body}
    assert ledger.settlements([rejected.id]) == {rejected.id: rejected}
    assert ledger.history(odd)[1] == [rejected]


def test_a_name_with_a_nul_is_found_although_no_server_can_hold_one(ledger: JobLedger) -> None:
    odd = settlement("a\0b", image_id="i\0", source_name="n\0.tif", reason="r\0", chosen="c\0")
    settled = ledger.settle([row("i\0:v:filter:1")], [odd])
    assert settled.bodies == ledger.bodies(["i\0:v:filter:1"]) == {"i\0:v:filter:1": b"body"}
    assert list(settled.settlements) == list(ledger.settlements([odd.id])) == [odd.id]
    assert [s.source_name for s in ledger.history("n\0.tif")[1]] == ["n\N{SYMBOL FOR NULL}.tif"]


def test_names_are_found_by_their_last_part_and_by_no_other(ledger: JobLedger) -> None:
    names = ["lot-1/a.tif", "lot-2/a.tif", "lot-1/ba.tif", "a.tif"]
    ledger.settle([], [settlement(str(n), image_id=f"i{n}", source_name=name) for n, name in enumerate(names)])
    found = {asked: [s.source_name for s in ledger.history(asked)[1]] for asked in ("a.tif", "lot-2/a.tif", "lot-1")}
    assert sorted(found["a.tif"]) == ["a.tif", "lot-1/a.tif", "lot-2/a.tif"]
    assert found["lot-2/a.tif"] == ["lot-2/a.tif"]
    assert found["lot-1"] == []


def test_settling_twice_at_the_same_time_in_any_order_never_waits_in_a_circle(ledger: JobLedger) -> None:
    keys = [f"i{n}:v:filter:1" for n in range(60)]

    def settle(writer: int) -> Settled:
        order = sorted(range(60), key=lambda n: hash((writer, n)))
        body = str(writer).encode()
        return ledger.settle([row(keys[n], body) for n in order], [settlement(str(n)) for n in order])

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(settle, range(24)))
    assert all(answer.bodies == answers[0].bodies for answer in answers)
    assert answers[0].bodies == ledger.bodies(keys)
