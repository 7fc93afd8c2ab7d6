"""What people ask the ledger, in SQL."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, cast, func, select
from sqlalchemy.orm import aliased

from streams.adapters.sql_database import Database
from streams.adapters.sql_rows import SETTLEMENT, SETTLEMENT_ID, AnyRow, aware, settlement_of, storable
from streams.adapters.sql_suspects import ID as SUSPECT_ID
from streams.adapters.sql_tables import REJECTED, SettlementTable, SuspectTable, TallyTable
from streams.adapters.sql_tally import slot_of
from streams.ports import Settlement, SettlementId, State
from streams.questions import Attempt, LaneStanding, Search, StageStanding, Standing, Suspect
from streams.recollection import ImageName

RECENT = timedelta(minutes=50)
HOUR = timedelta(hours=1)
ATTEMPT = (SettlementTable.acquisition_id, SettlementTable.stage, SettlementTable.lane, SettlementTable.attempt)
AT_ONCE = 2000
WHICH = "WHERE image_id IN (SELECT meant.image_id FROM ({query}\n) AS meant)"
SELECTED = """
SELECT image_id, version, max(source_name) FROM settlement {which}
GROUP BY image_id, version HAVING count(chosen) > 0
ORDER BY max(settled_at) FILTER (WHERE chosen IS NOT NULL), image_id, version
"""
"""Of the selector's settlements alone something is chosen."""

StageLane = tuple[str, str]


@dataclass
class _Sums:
    """What the tallies of one stage in one lane come to."""

    by_state: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    by_choice: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    first_attempts: int = 0
    recent: int = 0
    last_at: datetime | None = None

    def add(self, row: AnyRow) -> None:
        self.by_state[row.state] += row.settled
        if row.chosen:
            self.by_choice[row.chosen] += row.settled
        self.first_attempts += row.first_attempts
        self.recent += row.recent or 0
        self.last_at = max(aware(row.last_at), self.last_at or aware(row.last_at))


class SqlQuestions:
    """Answers from tallies and by indexes: in milliseconds, however many settlements there are.

    Rejections are looked at one by one, each by the primary key: whether a later attempt was answered is in no tally.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._attempts = database.given(*ATTEMPT)
        given, later = self._attempts.table.c, SettlementTable.attempt > self._attempts.table.c.attempt
        same = and_(later, *(column == given[column.key] for column in ATTEMPT[:-1]))
        query = select(*SETTLEMENT, given.attempt.label("asked")).join_from(self._attempts.table, SettlementTable, same)
        self._find_later = query.order_by(SettlementTable.attempt, SettlementTable.settled_at)

    def standing(self, now: datetime) -> Standing:
        """Count."""
        since = slot_of(aware(now) - RECENT)
        with self._database.reading() as connection:
            sums = _sums(connection, since)
            suspects = _open_suspects(connection)
            failed = _failed_since(connection, aware(now) - HOUR)
            retried = _retried(connection)
        places = sorted(sums.keys() | suspects.keys(), key=lambda place: _along_the_path(place, sums[place]))
        stages = tuple(_stage(place, sums[place], suspects.get(place, 0), retried.get(place, 0)) for place in places)
        lanes = sorted({lane for _, lane in places})
        return Standing(now, since, stages, tuple(_lane(lane, sums, failed.get(lane, 0)) for lane in lanes))

    def answered(self, state: State, search: Search) -> list[Settlement]:
        """Return deliveries that were answered so, the newest first; rejections only where they stand."""
        table = SettlementTable
        so = and_(REJECTED, ~_answered_later()) if state is State.REJECTED else table.state == state.value
        query = select(*SETTLEMENT).where(so)
        if search.since:
            query = query.where(table.settled_at >= aware(search.since))
        if search.stage:
            query = query.where(table.stage == search.stage)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(table.settled_at.desc()).limit(search.limit))
            return [settlement_of(row) for row in rows]

    def later_answers(self, attempts: Collection[Attempt]) -> dict[Attempt, Settlement]:
        """Return the answer to the latest of the later attempts, where there are any that have one."""
        asked = [(*map(storable, (one.acquisition_id, one.stage, one.lane)), one.number) for one in attempts]
        found: dict[tuple[object, ...], Settlement] = {}
        with self._database.reading() as connection:
            for start in range(0, len(asked), AT_ONCE):
                rows = connection.execute(self._find_later, self._attempts.parameters(asked[start : start + AT_ONCE]))
                found.update({(*row[:3], row.asked): settlement_of(row) for row in rows})
        return {one: found[key] for one, key in zip(attempts, asked, strict=True) if key in found}

    def suspects(self, search: Search) -> list[Suspect]:
        """Return deliveries that saw a worker die, the latest death first."""
        table, same = SuspectTable, SettlementTable.acquisition_id == SuspectTable.acquisition_id
        known = (SettlementTable.source_name, SettlementTable.image_id)
        names = [select(one).where(same).limit(1).scalar_subquery().label(one.key) for one in known]
        last = func.max(table.died_at).label("last")
        query = select(*SUSPECT_ID, func.count().label("deaths"), last, *names).group_by(*SUSPECT_ID)
        if search.since:
            query = query.having(func.max(table.died_at) >= aware(search.since))
        if search.stage:
            query = query.where(table.stage == search.stage)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(last.desc()).limit(search.limit))
            return [
                Suspect(SettlementId(*row[:5]), row.deaths, aware(row.last), row.source_name, row.image_id)
                for row in rows
            ]

    def images(self, query: str | None = None) -> list[ImageName]:
        """Return the selected images that somebody's own query names, all without one."""
        which = WHICH.format(query=query.rstrip("; ")) if query else ""
        with self._database.asking() as connection:
            rows = self._database.asked(connection, SELECTED.format(which=which))
            return [ImageName(*map(str, row)) for row in rows]


def _sums(connection: Connection, since: datetime) -> defaultdict[StageLane, _Sums]:
    table = TallyTable
    kind = (table.stage, table.lane, table.state, table.chosen)
    query = select(
        *kind,
        cast(func.sum(table.settled), BigInteger).label("settled"),
        cast(func.sum(table.first_attempts), BigInteger).label("first_attempts"),
        cast(func.sum(table.settled).filter(table.slot >= since), BigInteger).label("recent"),
        func.max(table.last_at).label("last_at"),
    ).group_by(*kind)
    sums: defaultdict[StageLane, _Sums] = defaultdict(_Sums)
    for row in connection.execute(query):
        sums[row.stage, row.lane].add(row)
    return sums


def _open_suspects(connection: Connection) -> dict[StageLane, int]:
    answer = and_(*(mine == other for mine, other in zip(SUSPECT_ID, SETTLEMENT_ID, strict=True)))
    open_ones = select(*SUSPECT_ID).where(~select(1).where(answer).exists()).distinct().subquery()
    query = select(open_ones.c.stage, open_ones.c.lane, func.count()).group_by(open_ones.c.stage, open_ones.c.lane)
    return {(stage, lane): count for stage, lane, count in connection.execute(query)}


def _failed_since(connection: Connection, since: datetime) -> dict[str, int]:
    table = SettlementTable
    stands = and_(REJECTED, ~_answered_later(), table.settled_at >= since)
    query = select(table.lane, func.count()).where(stands).group_by(table.lane)
    return {lane: count for lane, count in connection.execute(query)}  # noqa: C416 - rows are no pairs to dict()


def _retried(connection: Connection) -> dict[StageLane, int]:
    """Count the rejections that a later attempt has answered."""
    table = SettlementTable
    query = select(table.stage, table.lane, func.count()).where(REJECTED, _answered_later())
    rows = connection.execute(query.group_by(table.stage, table.lane))
    return {(stage, lane): count for stage, lane, count in rows}


def _answered_later() -> ColumnElement[bool]:
    """Whether a settlement's image has an answer to a later attempt, at the same stage in the same lane."""
    table, later = SettlementTable, aliased(SettlementTable)
    same = (later.acquisition_id == table.acquisition_id, later.stage == table.stage, later.lane == table.lane)
    return select(1).where(*same, later.attempt > table.attempt).exists()


def _stage(place: StageLane, sums: _Sums, suspects: int, retried: int) -> StageStanding:
    done, rejected = sums.by_state[State.DONE.value], sums.by_state[State.REJECTED.value]
    return StageStanding(*place, done, rejected - retried, sums.recent, sums.last_at, suspects, retried)


def _along_the_path(place: StageLane, sums: _Sums) -> tuple[str, int, float, str]:
    """The ledger knows no pipeline: a stage further on has answered fewer images, or the same ones later."""
    stage, lane = place
    return lane, -sums.first_attempts, sums.last_at.timestamp() if sums.last_at else 0.0, stage


def _lane(lane: str, sums: dict[StageLane, _Sums], failed_last_hour: int) -> LaneStanding:
    of_lane = [of_stage for (_, its_lane), of_stage in sums.items() if its_lane == lane]
    selected: dict[str, int] = defaultdict(int)
    for choices in (of_stage.by_choice for of_stage in of_lane):
        for method, count in choices.items():
            selected[method] += count
    images = max((of_stage.first_attempts for of_stage in of_lane), default=0)
    return LaneStanding(lane, images, dict(selected), failed_last_hour)
