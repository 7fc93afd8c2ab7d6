"""Deaths of workers, and the deliveries that were in their hands, beside the ledger."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, func, select, true

from streams.adapters.sql_database import Database
from streams.adapters.sql_rows import by_id, id_values, storable
from streams.adapters.sql_tables import SuspectTable
from streams.ports import SettlementId

ID = (
    SuspectTable.acquisition_id,
    SuspectTable.stage,
    SuspectTable.lane,
    SuspectTable.pipeline,
    SuspectTable.attempt,
)
COLUMNS = (*ID, SuspectTable.died_at, SuspectTable.host)


class SqlSuspects:
    """One row for a death and a delivery, so that a report which is repeated counts once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids = database.given(*ID)
        self._deaths = database.given(*COLUMNS)
        self._insert = (
            database.insert(SuspectTable)
            .from_select(self._deaths.names, select(*self._deaths.table.c).where(true()))
            .on_conflict_do_nothing()
        )
        matching = and_(*self._ids.matches(ID))
        found = select(*ID, func.count().label("deaths")).join_from(self._ids.table, SuspectTable, matching)
        self._count = found.group_by(*ID)

    def report(self, ids: Collection[SettlementId], *, at: datetime, host: str) -> None:
        """Count one more death for each; telling of the same death (time and host) again changes nothing."""
        if ids:
            rows = sorted((*id_values(identity), at, storable(host)) for identity in ids)
            with self._database.writing() as connection:
                connection.execute(self._insert, self._deaths.parameters(rows))

    def deaths(self, ids: Collection[SettlementId]) -> dict[SettlementId, int]:
        """Return how many workers each has seen die; those that saw none are left out."""
        if not ids:
            return {}
        asked = by_id(ids)
        with self._database.reading() as connection:
            found = connection.execute(self._count, self._ids.parameters(list(asked)))
            return {asked[(*row[:5],)]: row.deaths for row in found}
