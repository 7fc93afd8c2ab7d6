"""Removal of what is too old to be asked for."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, select, tuple_

from streams.adapters.sql_database import Database
from streams.adapters.sql_rows import SETTLEMENT, SETTLEMENT_ID, aware, settlement_of
from streams.adapters.sql_suspects import COLUMNS as SUSPECT
from streams.adapters.sql_tables import OutcomeTable, SettlementTable, SuspectTable, Table, TallyTable
from streams.adapters.sql_tally import Tally, slot_of
from streams.questions import Removable


class SqlRetention:
    """Settlements, outcomes that were evicted, and suspects, in transactions that hold nobody up for long."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tally = Tally(database)

    def removable(self, before: datetime) -> Removable:
        """Count what is older."""
        with self._database.reading() as connection:
            return Removable(*(_count(connection, table, old) for table, old in _old(before).items()))

    def remove(self, before: datetime, *, at_most: int) -> Removable:
        """Remove some of it, at the most so many rows of each kind."""
        old = _old(before)
        with self._database.writing() as connection:
            outcomes = select(OutcomeTable.key).where(old[OutcomeTable]).limit(at_most)
            evicted = connection.execute(delete(OutcomeTable).where(OutcomeTable.key.in_(outcomes)))
            deaths = select(*SUSPECT).where(old[SuspectTable]).limit(at_most)
            suspects = connection.execute(delete(SuspectTable).where(tuple_(*SUSPECT).in_(deaths)))
            return Removable(self._remove_settlements(connection, before, at_most), evicted.rowcount, suspects.rowcount)

    def _remove_settlements(self, connection: Connection, before: datetime, at_most: int) -> int:
        oldest = select(*SETTLEMENT_ID).where(_old(before)[SettlementTable]).order_by(SettlementTable.settled_at)
        chosen = tuple_(*SETTLEMENT_ID).in_(oldest.limit(at_most))
        removed = connection.execute(delete(SettlementTable).where(chosen).returning(*SETTLEMENT))
        settlements = [settlement_of(row) for row in removed]
        self._tally.remove(connection, settlements)
        empty = (TallyTable.slot < slot_of(aware(before)), TallyTable.settled == 0)
        connection.execute(delete(TallyTable).where(*empty))
        return len(settlements)


def _old(before: datetime) -> dict[type[Table], ColumnElement[bool]]:
    return {
        SettlementTable: SettlementTable.settled_at < aware(before),
        OutcomeTable: OutcomeTable.evicted_at < aware(before),
        SuspectTable: SuspectTable.died_at < aware(before),
    }


def _count(connection: Connection, table: type[Table], old: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(old)) or 0
