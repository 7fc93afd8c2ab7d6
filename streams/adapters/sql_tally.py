"""Counts of settlements, kept in the transactions that add and remove them: they equal the rows at any time."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, func, select, true

from streams.adapters.sql_database import Database
from streams.adapters.sql_rows import storable
from streams.adapters.sql_tables import TallyTable
from streams.ports import Settlement

COLUMNS = (
    TallyTable.slot,
    TallyTable.stage,
    TallyTable.lane,
    TallyTable.pipeline,
    TallyTable.state,
    TallyTable.chosen,
    TallyTable.settled,
    TallyTable.first_attempts,
    TallyTable.last_at,
)
KEY = COLUMNS[:6]

Kind = tuple[datetime, str, str, str, str, str]


class Tally:
    """Adds to the counts and takes from them, in a transaction of the caller's.

    Everyone who settles at the same stage changes the same row, so this comes last, right before the commit.
    """

    def __init__(self, database: Database) -> None:
        self._given = database.given(*COLUMNS)
        insert = database.insert(TallyTable).from_select(self._given.names, select(*self._given.table.c).where(true()))
        later = func.greatest if not database.is_file else func.max
        self._upsert = insert.on_conflict_do_update(
            index_elements=list(KEY),
            set_={
                "settled": TallyTable.settled + insert.excluded.settled,
                "first_attempts": TallyTable.first_attempts + insert.excluded.first_attempts,
                "last_at": later(TallyTable.last_at, insert.excluded.last_at),
            },
        )

    def add(self, connection: Connection, settlements: Iterable[Settlement]) -> None:
        """Count settlements that were inserted."""
        self._change(connection, settlements, by=1)

    def remove(self, connection: Connection, settlements: Iterable[Settlement]) -> None:
        """Count settlements that were deleted."""
        self._change(connection, settlements, by=-1)

    def _change(self, connection: Connection, settlements: Iterable[Settlement], *, by: int) -> None:
        counts: dict[Kind, tuple[int, int, datetime]] = {}
        for settlement in settlements:
            kind = _kind(settlement)
            settled, first, last_at = counts.get(kind, (0, 0, settlement.settled_at))
            again = settlement.id.attempt > 1
            counts[kind] = (settled + by, first + by * (not again), max(last_at, settlement.settled_at))
        if counts:
            rows = sorted((*kind, *numbers) for kind, numbers in counts.items())
            connection.execute(self._upsert, self._given.parameters(rows))


def slot_of(time: datetime) -> datetime:
    """Return when the ten minutes began that a time falls into."""
    return time.replace(minute=time.minute - time.minute % 10, second=0, microsecond=0)


def _kind(settlement: Settlement) -> Kind:
    identity = settlement.id
    slot = slot_of(settlement.settled_at)
    stage, lane, pipeline = map(storable, (identity.stage, identity.lane, identity.pipeline))
    return slot, stage, lane, pipeline, settlement.state.value, storable(settlement.chosen or "")
