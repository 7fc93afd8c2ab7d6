"""What the ledger answers, in numbers that equal its rows at any time."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import text

from streams.adapters.sql_ledger import SqlLedger
from streams.adapters.sql_questions import SqlQuestions
from streams.adapters.sql_retention import SqlRetention
from streams.adapters.sql_suspects import SqlSuspects
from streams.adapters.sql_tally import slot_of
from streams.errors import TransientError, UsageError
from streams.ports import OutcomeRow, Settlement, SettlementId, State
from streams.questions import Attempt, Removable, Search
from streams.settings import PostgresSettings
from tests.databases import empty_tables, migrated_database
from tests.events import NOON

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresSettings]:
    with migrated_database() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlLedger]:
    if request.param == "sqlite":
        ledger = SqlLedger.sqlite(tmp_path / "ledger.sqlite")
    else:
        found = request.getfixturevalue("server")
        empty_tables(found)
        ledger = SqlLedger.postgres(found, connections=8)
    yield ledger
    ledger.close()


def answer(
    acquisition: int | str = 0,
    stage: str = "filter",
    *,
    at: datetime = NOON,
    lane: str = "live",
    chosen: str | None = None,
    reason: str | None = None,
    attempt: int = 1,
) -> Settlement:
    identity = SettlementId(str(acquisition), stage, lane, "p1", attempt)
    state = State.DONE if reason is None else State.REJECTED
    name = f"lot/{acquisition}.tif"
    return Settlement(identity, f"image-{acquisition}", "v1", name, state, at, reason=reason, chosen=chosen)


def tallies(ledger: SqlLedger) -> dict[tuple[str, ...], tuple[int, int]]:
    query = "SELECT slot, stage, lane, pipeline, state, chosen, settled, first_attempts FROM tally"
    with ledger.database.reading() as connection:
        return {tuple(map(str, row[:6])): tuple(map(int, row[6:8])) for row in connection.execute(text(query))}  # type: ignore[misc]


def counted(ledger: SqlLedger) -> dict[tuple[str, ...], tuple[int, int]]:
    settlements = ledger.history("")[1]
    slots = {tally[0][:16]: tally[0] for tally in tallies(ledger)}
    kinds = Counter[tuple[str, ...]]()
    firsts = Counter[tuple[str, ...]]()
    for s in settlements:
        slot = slots[str(slot_of(s.settled_at))[:16]]
        kind = (slot, s.id.stage, s.id.lane, s.id.pipeline, s.state.value, s.chosen or "")
        kinds[kind] += 1
        firsts[kind] += s.id.attempt == 1
    return {kind: (kinds[kind], firsts[kind]) for kind in kinds}


def test_a_ledger_is_summed_up_by_stage_and_lane(ledger: SqlLedger) -> None:
    long_ago = NOON - timedelta(days=3)
    ledger.settle([], [answer(n, at=long_ago) for n in range(4)])
    ledger.settle([], [answer(5, at=NOON - 30 * MINUTE), answer(6, reason="NaN", at=NOON)])
    ledger.settle([], [answer(6, at=NOON, attempt=2), answer(7, lane="replay", at=NOON, reason="NaN")])
    ledger.settle([], [answer(n, "selector", chosen=("raw", "unet")[n % 2], at=NOON) for n in range(3)])
    ledger.settle([], [answer(3, "selector", at=NOON, reason="no frame")])
    standing = SqlQuestions(ledger.database).standing(NOON + MINUTE)
    assert [(s.stage, s.lane, s.done, s.rejected, s.retried, s.recent, s.last_settled_at) for s in standing.stages] == [
        ("filter", "live", 6, 0, 1, 3, NOON),
        ("selector", "live", 3, 1, 0, 4, NOON),
        ("filter", "replay", 0, 1, 0, 1, NOON),
    ]
    assert standing.since == NOON - 50 * MINUTE
    live, replay = standing.lanes
    assert (live.lane, live.images, live.selected, live.failed_last_hour) == ("live", 6, {"raw": 2, "unet": 1}, 1)
    assert (replay.lane, replay.images, replay.selected, replay.failed_last_hour) == ("replay", 1, {}, 1)


def test_an_empty_ledger_stands_at_nothing(ledger: SqlLedger) -> None:
    standing = SqlQuestions(ledger.database).standing(NOON)
    assert (standing.stages, standing.lanes) == ((), ())


def test_a_suspect_counts_until_it_is_answered(ledger: SqlLedger) -> None:
    questions, suspects = SqlQuestions(ledger.database), SqlSuspects(ledger.database)
    for second in range(2):
        suspects.report([answer().id, answer(1).id], at=NOON + timedelta(seconds=second), host="node-1")
    ledger.settle([], [answer(1)])
    assert [(s.stage, s.suspects) for s in questions.standing(NOON).stages] == [("filter", 1)]
    first, second_ = questions.suspects(Search())
    assert {first.id, second_.id} == {answer().id, answer(1).id}
    assert {first.deaths, second_.deaths} == {2}
    names = {s.id.acquisition_id: (s.source_name, s.image_id) for s in (first, second_)}
    assert names == {"0": (None, None), "1": ("lot/1.tif", "image-1")}
    assert questions.suspects(Search(since=NOON + MINUTE)) == questions.suspects(Search(stage="denoise")) == []


def test_answers_are_listed_newest_first_by_state_stage_and_time(ledger: SqlLedger) -> None:
    failed = [answer(n, reason=str(n), at=NOON + n * MINUTE) for n in range(4)]
    done = [answer(n, "denoise", at=NOON) for n in range(3)]
    ledger.settle([], [*failed, *done])
    questions = SqlQuestions(ledger.database)
    assert questions.answered(State.REJECTED, Search()) == failed[::-1]
    assert questions.answered(State.REJECTED, Search(limit=2)) == failed[:1:-1]
    assert questions.answered(State.REJECTED, Search(since=NOON + 3 * MINUTE)) == failed[3:]
    assert questions.answered(State.REJECTED, Search(stage="denoise")) == []
    assert len(questions.answered(State.DONE, Search(stage="denoise"))) == 3


def test_of_an_image_that_was_retried_the_latest_attempt_decides(ledger: SqlLedger) -> None:
    mended, failing, other = answer(1, reason="NaN"), answer(2, reason="NaN"), answer(3, reason="NaN")
    later = replace(answer(1, attempt=2), id=replace(answer(1, attempt=2).id, pipeline="p2"))
    again = [answer(2, attempt=n, reason=f"attempt {n}", at=NOON + n * MINUTE) for n in (2, 3)]
    elsewhere = [answer(3, "denoise", attempt=2), answer(3, lane="replay", attempt=2)]
    ledger.settle([], [mended, failing, other, later, *again, *elsewhere])
    questions = SqlQuestions(ledger.database)
    assert questions.answered(State.REJECTED, Search()) == [again[1], other]
    standing = questions.standing(NOON + MINUTE)
    (filtered,) = [s for s in standing.stages if (s.stage, s.lane) == ("filter", "live")]
    assert (filtered.done, filtered.rejected, filtered.retried) == (1, 2, 3)
    assert [lane.failed_last_hour for lane in standing.lanes if lane.lane == "live"] == [2]
    asked = [Attempt(s.id.acquisition_id, "filter", "live", s.id.attempt) for s in (mended, failing, other, again[1])]
    assert questions.later_answers(asked) == {asked[0]: later, asked[1]: again[1]}
    assert questions.later_answers([]) == {}


def test_counts_equal_rows_whoever_settles_and_however_often(ledger: SqlLedger) -> None:
    batches = [
        [
            answer(n % 40, at=NOON + n * MINUTE, attempt=1 + n % 3, reason="NaN" if n % 7 == 0 else None)
            for n in range(start, start + 30)
        ]
        for start in range(0, 120, 10)
    ]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda batch: ledger.settle([], batch), batches * 2))
    assert tallies(ledger) == counted(ledger)
    assert sum(settled for settled, _ in tallies(ledger).values()) == 120


def test_a_settlement_that_is_rolled_back_is_not_counted(ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    add = ledger._tally.add

    def failing(*arguments: object) -> None:
        add(*arguments)  # type: ignore[arg-type]
        raise TransientError("the connection was lost before the commit")

    monkeypatch.setattr(ledger._tally, "add", failing)
    with pytest.raises(TransientError):
        ledger.settle([], [answer()])
    monkeypatch.undo()
    assert tallies(ledger) == {}
    ledger.settle([], [answer()])
    assert tallies(ledger) == counted(ledger)


def test_what_is_old_is_counted_and_removed_in_bounded_steps_and_the_counts_follow(ledger: SqlLedger) -> None:
    retention, before = SqlRetention(ledger.database), NOON + 50 * MINUTE
    ledger.settle([], [answer(n, at=NOON + n * MINUTE) for n in range(100)])
    SqlSuspects(ledger.database).report([answer().id], at=NOON, host="node-1")
    rows = [OutcomeRow(f"i{n}:v:filter:1", b"body", NOON) for n in range(3)]
    ledger.settle(rows, [])
    with ledger.database.writing() as connection:
        connection.execute(text("UPDATE outcome SET evicted_at = created_at WHERE image_id <> 'i0'"))
    assert retention.removable(before) == Removable(50, 2, 1)
    removed = [retention.remove(before, at_most=20) for _ in range(4)]
    assert [r.settlements for r in removed] == [20, 20, 10, 0]
    assert removed[0] == Removable(20, 2, 1)
    assert sum(removed, Removable()) == Removable(50, 2, 1)
    assert tallies(ledger) == counted(ledger)
    assert len(tallies(ledger)) == 5
    assert ledger.bodies([row.key for row in rows]) == {"i0:v:filter:1": b"body"}


def test_counts_equal_rows_while_some_settle_and_others_remove(ledger: SqlLedger) -> None:
    retention, numbers = SqlRetention(ledger.database), count()

    def work(turn: int) -> None:
        if turn % 3 == 0:
            retention.remove(NOON + 25 * MINUTE, at_most=7)
        else:
            start = next(numbers) * 5
            ledger.settle([], [answer(n, at=NOON + (n % 50) * MINUTE) for n in range(start, start + 10)])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(48)))
    assert {kind: numbers for kind, numbers in tallies(ledger).items() if numbers[0]} == counted(ledger)


def test_a_settlement_of_another_day_is_answered_anew_after_its_removal(ledger: SqlLedger) -> None:
    ledger.settle([], [answer()])
    SqlRetention(ledger.database).remove(NOON + MINUTE, at_most=10)
    late = replace(answer(), settled_at=NOON + timedelta(days=100))
    assert ledger.settle([], [late]).settlements == {late.id: late}


def test_images_that_were_selected_are_named_the_latest_last_and_a_query_picks_some(ledger: SqlLedger) -> None:
    ledger.settle([], [answer(n, "selector", at=NOON - n * MINUTE, chosen="mean") for n in range(3)])
    ledger.settle([], [answer(9, "filter"), answer(2, "metrics"), answer(8, "selector", reason="bad")])
    questions = SqlQuestions(ledger.database)
    assert [name.image_id for name in questions.images()] == ["image-2", "image-1", "image-0"]
    (found,) = questions.images("SELECT image_id FROM settlement WHERE source_name LIKE '%/1.tif';")
    assert (found.image_id, found.version, found.source_name) == ("image-1", "v1", "lot/1.tif")


ESCAPE = (
    "SELECT image_id FROM settlement) AS meant) GROUP BY image_id, version; COMMIT; DELETE FROM settlement; "
    "SELECT image_id, version, max(source_name) FROM settlement WHERE image_id IN (SELECT meant.image_id FROM "
    "(SELECT image_id FROM settlement"
)


@pytest.mark.parametrize(
    "query", ["DELETE FROM settlement RETURNING image_id", "SELECT 1", "SELECT image_id FROM x", ESCAPE]
)
def test_a_query_that_is_none_or_would_change_something_is_refused(ledger: SqlLedger, query: str) -> None:
    ledger.settle([], [answer(chosen="mean")])
    questions = SqlQuestions(ledger.database)
    with pytest.raises(UsageError, match="cannot answer this query"):
        questions.images(query)
    assert len(questions.images()) == 1


def test_somebody_s_query_is_run_where_nothing_can_be_written(ledger: SqlLedger) -> None:
    with pytest.raises(UsageError, match="cannot answer this query"), ledger.database.asking() as connection:
        connection.exec_driver_sql("DELETE FROM settlement")
    ledger.settle([], [answer()])
