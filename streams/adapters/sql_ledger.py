"""The job ledger in SQL: the same statements on a SQLite file and on a Postgres server."""

from collections.abc import Collection, Sequence
from datetime import datetime
from operator import attrgetter
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, true
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import ReturningInsert

from streams.adapters.sql_database import Database
from streams.adapters.sql_rows import (
    OUTCOME,
    OUTCOME_COLUMNS,
    SETTLEMENT,
    SETTLEMENT_ID,
    by_id,
    id_values,
    outcome_of,
    outcome_values,
    settlement_of,
    settlement_values,
    storable,
)
from streams.adapters.sql_schema import UnknownRevision, check, migrate
from streams.adapters.sql_tables import OutcomeTable, SettlementTable
from streams.adapters.sql_tally import Tally
from streams.errors import UsageError
from streams.ports import OutcomeRow, Settled, Settlement, SettlementId
from streams.settings import PostgresSettings

IMAGES_A_STATEMENT = 100


class SqlLedger:
    """The ledger in a database whose tables are of our revision."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._tally = Tally(database)
        self._keys = database.given(OutcomeTable.key)
        self._ids = database.given(*SETTLEMENT_ID)
        self._outcomes = database.given(*OUTCOME_COLUMNS)
        self._settlements = database.given(*SETTLEMENT)
        self._insert_outcomes = self._outcome_insertion()
        self._insert_settlements = self._settlement_insertion()
        self._find_outcomes = (
            select(OutcomeTable.key, OutcomeTable.body)
            .join_from(self._keys.table, OutcomeTable, and_(*self._keys.matches([OutcomeTable.key])))
            .where(OutcomeTable.evicted_at.is_(None))
        )
        self._find_settlements = select(*SETTLEMENT).join_from(
            self._ids.table, SettlementTable, and_(*self._ids.matches(SETTLEMENT_ID))
        )

    @classmethod
    def sqlite(cls, path: Path, *, patience_s: float = 30) -> "SqlLedger":
        """Open a SQLite file, creating or upgrading it where that is due.

        Raises
        ------
        UsageError
            If the file is no ledger, or that of another version.
        """
        database = Database.sqlite(path, patience_s=patience_s)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            migrate(database)
        except (OSError, UnknownRevision) as error:
            database.close()
            reason = error.__cause__.orig if isinstance(error.__cause__, DBAPIError) else error
            raise UsageError(f"{path} cannot be used as a ledger ({reason}); choose another --out") from error
        return cls(database)

    @classmethod
    def postgres(cls, settings: PostgresSettings, *, connections: int) -> "SqlLedger":
        """Reach a ledger on a server; ``connections`` is how many threads use it at one time.

        Raises
        ------
        UsageError
            If the server refuses us, or the tables are not of our revision.
        TransientError
            If it does not answer.
        """
        database = Database.postgres(settings, connections=connections)
        try:
            check(database)
        except Exception:
            database.close()
            raise
        return cls(database)

    def bodies(self, keys: Collection[str]) -> dict[str, bytes]:
        """Return the outcome bodies of the keys that are settled and not evicted."""
        with self.database.reading() as connection:
            return self._bodies(connection, keys)

    def settlements(self, ids: Collection[SettlementId]) -> dict[SettlementId, Settlement]:
        """Return the settlements that exist."""
        with self.database.reading() as connection:
            return self._standing(connection, ids)

    def settle(self, outcomes: Sequence[OutcomeRow], settlements: Sequence[Settlement]) -> Settled:
        """Insert what is absent, one statement a table, and return what now stands.

        Rows go in by their keys' order, so that two settling the same never wait for each other in a circle; and a call
        that is repeated, because nobody knows whether the first was committed, counts nothing twice.
        """
        with self.database.writing() as connection:
            return Settled(
                bodies=self._settle_outcomes(connection, outcomes),
                settlements=self._settle_settlements(connection, settlements),
            )

    def forget(self, keys: Collection[str]) -> None:
        """Drop outcomes."""
        if not keys:
            return
        statement = delete(OutcomeTable).where(OutcomeTable.key.in_(select(self._keys.table.c.key)))
        with self.database.writing() as connection:
            connection.execute(statement, self._keys.parameters(sorted((storable(key),) for key in keys)))

    def history(self, image: str) -> tuple[list[OutcomeRow], list[Settlement]]:
        """Everything of the images that ``image`` means, oldest first.

        It is the beginning of an image's id, an acquisition's id, a name, or the end of one.
        """
        answered = select(*SETTLEMENT).where(_named(storable(image))).order_by(SettlementTable.settled_at)
        with self.database.reading() as connection:
            settlements = [settlement_of(row) for row in connection.execute(answered)]
            images = sorted({settlement.image_id for settlement in settlements})
            parts = [images[first : first + IMAGES_A_STATEMENT] for first in range(0, len(images), IMAGES_A_STATEMENT)]
            computed = [outcome for part in parts for outcome in _of(connection, part)]
        return sorted(computed, key=attrgetter("created_at")), settlements

    def close(self) -> None:
        """Release the connections."""
        self.database.close()

    def _outcome_insertion(self) -> ReturningInsert[str]:
        given = self._outcomes
        insert = self.database.insert(OutcomeTable).from_select(given.names, select(*given.table.c).where(true()))
        anew = {name: insert.excluded[name] for name in ("object_key", "body", "created_at")}
        return insert.on_conflict_do_update(
            index_elements=[OutcomeTable.key],
            set_={**anew, "evicted_at": None},
            where=OutcomeTable.evicted_at.is_not(None),
        ).returning(OutcomeTable.key)

    def _settlement_insertion(self) -> ReturningInsert[str, str, str, str, int, datetime | None]:
        """Insert, or note the time where a settlement stands; the time tells the two apart.

        The version is that of the last answer: the same file, published again with another recipe, prior or second
        frame, is the same delivery, and its outcomes are those of the new version.
        """
        given, again = self._settlements, SettlementTable.answered_again_at
        insert = self.database.insert(SettlementTable).from_select(given.names, select(*given.table.c).where(true()))
        anew = {again.key: insert.excluded["settled_at"], "version": insert.excluded["version"]}
        return insert.on_conflict_do_update(index_elements=[*SETTLEMENT_ID], set_=anew).returning(*SETTLEMENT_ID, again)

    def _settle_outcomes(self, connection: Connection, rows: Sequence[OutcomeRow]) -> dict[str, bytes]:
        if not rows:
            return {}
        given = {storable(row.key): row for row in reversed(rows)}
        values = sorted(map(outcome_values, given.values()))
        inserted = connection.scalars(self._insert_outcomes, self._outcomes.parameters(values))
        won = {given[key].key: given[key].body for key in inserted}
        return {**won, **self._bodies(connection, [row.key for row in given.values() if row.key not in won])}

    def _settle_settlements(self, connection: Connection, rows: Sequence[Settlement]) -> dict[SettlementId, Settlement]:
        if not rows:
            return {}
        given = {id_values(row.id): row for row in reversed(rows)}
        values = sorted(settlement_values(identity, row) for identity, row in given.items())
        inserted = connection.execute(self._insert_settlements, self._settlements.parameters(values))
        new = (given[(*columns[:-1],)] for columns in inserted if columns.answered_again_at is None)
        won = {row.id: row for row in new}
        stands = self._standing(connection, [row.id for row in given.values() if row.id not in won])
        self._tally.add(connection, won.values())
        return {**won, **stands}

    def _bodies(self, connection: Connection, keys: Collection[str]) -> dict[str, bytes]:
        if not keys:
            return {}
        asked = {storable(key): key for key in keys}
        found = connection.execute(self._find_outcomes, self._keys.parameters([(key,) for key in asked]))
        return {asked[row.key]: row.body.encode() for row in found}

    def _standing(self, connection: Connection, ids: Collection[SettlementId]) -> dict[SettlementId, Settlement]:
        if not ids:
            return {}
        asked = by_id(ids)
        found = connection.execute(self._find_settlements, self._ids.parameters(list(asked)))
        pairs = ((asked[tuple(row[: len(SETTLEMENT_ID)])], row) for row in found)
        return {identity: settlement_of(row, identity) for identity, row in pairs}


def _of(connection: Connection, images: Sequence[str]) -> list[OutcomeRow]:
    """Outcomes of these images. Their ids stand in the statement: Postgres reads the whole table to join by a range."""
    ranges = (and_(OutcomeTable.key >= f"{image}:", OutcomeTable.key < f"{image};") for image in images)
    return [outcome_of(row) for row in connection.execute(select(*OUTCOME).where(or_(*ranges)))]


def _named(image: str) -> ColumnElement[bool]:
    table = SettlementTable
    begins = and_(table.image_id >= image, table.image_id < f"{image}\U0010ffff")
    whole_or_end = or_(table.source_name == image, table.source_name.endswith(f"/{image}", autoescape=True))
    return or_(begins, table.acquisition_id == image, and_(table.file_name == image.rsplit("/", 1)[-1], whole_or_end))
