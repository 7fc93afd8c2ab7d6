"""What evicting outcomes asks the ledger, and tells it."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, and_, func, select, update

from streams.adapters.sql_database import Database
from streams.adapters.sql_rows import OUTCOME, aware, outcome_of, storable
from streams.adapters.sql_tables import OutcomeTable, SettlementTable, TallyTable
from streams.ports import OutcomeRow

SELECTOR = "selector"


class SqlEvictions:
    """Old outcomes, whose objects they name, and whether anyone still needs them. Images are ``<id>:<version>``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys = database.given(OutcomeTable.key)
        self._objects = database.given(OutcomeTable.object_key)
        self._images = database.given(SettlementTable.image_id, SettlementTable.version)

    def old_candidates(self, *, before: datetime, after: str, limit: int) -> list[OutcomeRow]:
        """Return live outcomes that name an object and were made before then: by key, those behind ``after``."""
        table = OutcomeTable
        live = and_(table.object_key.is_not(None), table.evicted_at.is_(None), table.created_at < aware(before))
        query = select(*OUTCOME).where(table.key > after, live).order_by(table.key).limit(limit)
        with self._database.reading() as connection:
            return [outcome_of(row) for row in connection.execute(query)]

    def owners(self, object_keys: Collection[str]) -> dict[str, list[OutcomeRow]]:
        """Return the outcomes that name each object, evicted ones too; objects that none names are left out."""
        owners: dict[str, list[OutcomeRow]] = {}
        if not object_keys:
            return owners
        named = and_(*self._objects.matches([OutcomeTable.object_key]))
        query = select(*OUTCOME, OutcomeTable.object_key).join_from(self._objects.table, OutcomeTable, named)
        with self._database.reading() as connection:
            rows = [(key,) for key in set(object_keys)]
            for row in connection.execute(query.order_by(OutcomeTable.key), self._objects.parameters(rows)):
                owners.setdefault(row.object_key, []).append(outcome_of(row))
        return owners

    def selections(self, images: Collection[str]) -> dict[str, list[bytes]]:
        """Return the bodies of all live outcomes of stages that choose a candidate, by image."""
        if not images:
            return {}
        given = self._keys.table.c.key
        of_stage = and_(OutcomeTable.key >= given + ":", OutcomeTable.key < given + ";")
        query = select(given.label("prefix"), OutcomeTable.body).join_from(self._keys.table, OutcomeTable, of_stage)
        query = query.where(OutcomeTable.evicted_at.is_(None))
        found: dict[str, list[bytes]] = {}
        with self._database.reading() as connection:
            rows = [(f"{image}:{stage}",) for stage in _choosing(connection) for image in sorted(images)]
            for row in connection.execute(query, self._keys.parameters(rows)):
                found.setdefault(row.prefix.rsplit(":", 1)[0], []).append(row.body.encode())
        return found

    def last_answered(self, images: Collection[str]) -> dict[str, datetime]:
        """Return when each image was last answered: the latest answer of any stage, lane and pipeline."""
        if not images:
            return {}
        table = SettlementTable
        columns = (table.image_id, table.version)
        matching = and_(*self._images.matches(columns))
        answered_at = func.max(func.coalesce(table.answered_again_at, table.settled_at))
        query = select(*columns, answered_at).join_from(self._images.table, table, matching)
        rows = [tuple(storable(image).rsplit(":", 1)) for image in sorted(images)]
        with self._database.reading() as connection:
            found = connection.execute(query.group_by(*columns), self._images.parameters(rows))
            return {f"{image_id}:{version}": aware(at) for image_id, version, at in found}

    def evict(self, keys: Collection[str], *, at: datetime) -> None:
        """Mark outcomes evicted; one that is already keeps its time."""
        if not keys:
            return
        given = OutcomeTable.key.in_(select(self._keys.table.c.key))
        mark = update(OutcomeTable).where(given, OutcomeTable.evicted_at.is_(None)).values(evicted_at=aware(at))
        with self._database.writing() as connection:
            connection.execute(mark, self._keys.parameters([(storable(key),) for key in sorted(keys)]))


def _choosing(connection: Connection) -> list[str]:
    """Name the stages that have ever chosen a candidate; ours has, even where its settlements were removed."""
    query = select(TallyTable.stage).where(TallyTable.chosen != "").distinct()
    return sorted({SELECTOR, *connection.scalars(query)})
