"""Where consumer groups began to read, beside the ledger."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select, true

from streams.adapters.sql_database import Database
from streams.adapters.sql_tables import SeedTable

COLUMNS = (
    SeedTable.consumer_group,
    SeedTable.topic,
    SeedTable.partition_number,
    SeedTable.first_offset,
    SeedTable.seeded_at,
)


class SqlSeeds:
    """First offsets, written once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._given = database.given(*COLUMNS)
        self._insert = (
            database.insert(SeedTable)
            .from_select(self._given.names, select(*self._given.table.c).where(true()))
            .on_conflict_do_nothing()
        )

    def seeded(self, group: str, topic: str) -> dict[int, int]:
        """Return the first offset of each partition that was ever given to the group."""
        query = select(SeedTable.partition_number, SeedTable.first_offset)
        query = query.where(SeedTable.consumer_group == group, SeedTable.topic == topic)
        with self._database.reading() as connection:
            return {row.partition_number: row.first_offset for row in connection.execute(query)}

    def seed(self, group: str, topic: str, offsets: Mapping[int, int], *, at: datetime) -> None:
        """Write down first offsets; an entry that exists stays as it is."""
        if offsets:
            rows = [(group, topic, partition, offset, at) for partition, offset in sorted(offsets.items())]
            with self._database.writing() as connection:
                connection.execute(self._insert, self._given.parameters(rows))
