"""The job ledger in SQL, by SQLAlchemy: a SQLite file here, the same statements on Postgres."""

import sqlite3
import threading
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, delete, event, inspect, or_, select, tuple_
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from streams.errors import TransientError, UsageError
from streams.ports import OutcomeRow, Settled, Settlement, SettlementId, State

T = TypeVar("T")

KEYS_A_QUERY = 400
"""Keys named in one statement; SQLite allows 32,766 variables."""


class Table(DeclarativeBase):
    """The ledger's tables."""


class OutcomeTable(Table):
    """One row for every outcome; the first to write it wins."""

    __tablename__ = "outcome"

    key: Mapped[str] = mapped_column(primary_key=True)
    image_id: Mapped[str] = mapped_column(index=True)
    body: Mapped[bytes]
    created_at: Mapped[datetime]


class SettlementTable(Table):
    """One row for every event that was answered."""

    __tablename__ = "settlement"

    acquisition_id: Mapped[str] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    lane: Mapped[str] = mapped_column(primary_key=True)
    pipeline: Mapped[str] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[str] = mapped_column(index=True)
    version: Mapped[str]
    source_name: Mapped[str] = mapped_column(index=True)
    state: Mapped[str]
    settled_at: Mapped[datetime]
    reason: Mapped[str | None]
    computed: Mapped[str]


class SqlLedger:
    """The ledger behind a SQLAlchemy engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._insert = sqlite_insert if engine.dialect.name == "sqlite" else postgresql.insert
        self._one_writer = threading.Lock()
        with self._transaction() as connection:
            Table.metadata.create_all(connection)

    @classmethod
    def sqlite(cls, path: Path, *, patience_s: float = 30) -> "SqlLedger":
        """Open or create a SQLite file: write-ahead log, durable against the end of the process.

        Raises
        ------
        UsageError
            If the file is no ledger, or that of another version.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": patience_s})

        @event.listens_for(engine, "connect")
        def _configure(connection: Any, _: object) -> None:  # noqa: ANN401 - a DB-API connection has no common type
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")

        try:
            ledger = cls(engine)
            _check_columns(engine)
        except (DatabaseError, OSError) as error:
            engine.dispose()
            reason = error.orig if isinstance(error, DatabaseError) else error
            raise UsageError(f"{path} cannot be used as a ledger ({reason}); choose another --out") from error
        return ledger

    def bodies(self, keys: Collection[str]) -> dict[str, bytes]:
        """Return the outcome bodies of the keys that are settled."""
        with self._transaction() as connection:
            return self._bodies(connection, keys)

    def settlements(self, ids: Collection[SettlementId]) -> dict[SettlementId, Settlement]:
        """Return the settlements that exist."""
        with self._transaction() as connection:
            return self._settlements(connection, ids)

    def settle(self, outcomes: Sequence[OutcomeRow], settlements: Sequence[Settlement]) -> Settled:
        """Insert what is absent, one statement a table, and return what now stands."""
        with self._one_writer, self._transaction() as connection:
            if outcomes:
                rows = [_outcome_values(row) for row in outcomes]
                connection.execute(self._insert(OutcomeTable).on_conflict_do_nothing(), rows)
            if settlements:
                rows = [_settlement_values(row) for row in settlements]
                connection.execute(self._insert(SettlementTable).on_conflict_do_nothing(), rows)
            return Settled(
                bodies=self._bodies(connection, [row.key for row in outcomes]),
                settlements=self._settlements(connection, [row.id for row in settlements]),
            )

    def forget(self, keys: Collection[str]) -> None:
        """Drop outcomes."""
        with self._one_writer, self._transaction() as connection:
            for some in _batches(keys, KEYS_A_QUERY):
                connection.execute(delete(OutcomeTable).where(OutcomeTable.key.in_(some)))

    def history(self, image: str) -> tuple[list[OutcomeRow], list[Settlement]]:
        """Everything of the images that ``image`` means: the beginning of an id, a name, or its end; oldest first."""
        name = SettlementTable.source_name
        ends = name.endswith(f"/{image}", autoescape=True)
        named = or_(SettlementTable.image_id.startswith(image, autoescape=True), name == image, ends)
        with self._transaction() as connection:
            answered = select(SettlementTable.__table__).where(named).order_by(SettlementTable.settled_at)
            settlements = [_settlement(row) for row in connection.execute(answered)]
            meant = OutcomeTable.image_id.in_(select(SettlementTable.image_id).where(named))
            computed = select(OutcomeTable.key, OutcomeTable.body, OutcomeTable.created_at)
            computed = computed.where(meant).order_by(OutcomeTable.created_at)
            return [_outcome(*row) for row in connection.execute(computed)], settlements

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DatabaseError as error:
            if _is_transient(error):
                raise TransientError(f"the ledger does not answer: {error.orig}") from error
            if _is_unusable(error):
                raise OSError(f"the ledger cannot be used: {error.orig}") from error
            raise

    def _bodies(self, connection: Connection, keys: Collection[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for some in _batches(keys, KEYS_A_QUERY):
            query = select(OutcomeTable.key, OutcomeTable.body).where(OutcomeTable.key.in_(some))
            found.update({row.key: zlib.decompress(row.body) for row in connection.execute(query)})
        return found

    def _settlements(self, connection: Connection, ids: Collection[SettlementId]) -> dict[SettlementId, Settlement]:
        table = SettlementTable
        columns = tuple_(table.acquisition_id, table.stage, table.lane, table.pipeline, table.attempt)
        found = {}
        for some in _batches(ids, KEYS_A_QUERY // 5):
            wanted = [(i.acquisition_id, i.stage, i.lane, i.pipeline, i.attempt) for i in some]
            for row in connection.execute(select(table.__table__).where(columns.in_(wanted))):
                settlement = _settlement(row)
                found[settlement.id] = settlement
        return found


def _is_transient(error: DatabaseError) -> bool:
    """Whether waiting may help: for SQLite when another process writes, for a server always."""
    if isinstance(error.orig, sqlite3.Error):
        return error.orig.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    return isinstance(error, OperationalError)


def _is_unusable(error: DatabaseError) -> bool:
    """Whether the file is at fault: full disk, no permission, corrupt, of another version."""
    return type(error.orig) in {sqlite3.OperationalError, sqlite3.DatabaseError}


def _check_columns(engine: Engine) -> None:
    inspector = inspect(engine)
    for name, table in Table.metadata.tables.items():
        missing = {column.name for column in table.columns} - {column["name"] for column in inspector.get_columns(name)}
        if missing:
            raise OSError(f"it is of another version: {name} has no {', '.join(sorted(missing))}")


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def _outcome_values(row: OutcomeRow) -> dict[str, object]:
    body = zlib.compress(row.body, 1)
    return {"key": row.key, "image_id": row.key.split(":", 1)[0], "body": body, "created_at": row.created_at}


def _outcome(key: str, body: bytes, created_at: datetime) -> OutcomeRow:
    return OutcomeRow(key, zlib.decompress(body), _aware(created_at))


def _settlement_values(row: Settlement) -> dict[str, object]:
    return {
        "acquisition_id": row.id.acquisition_id,
        "stage": row.id.stage,
        "lane": row.id.lane,
        "pipeline": row.id.pipeline,
        "attempt": row.id.attempt,
        "image_id": row.image_id,
        "version": row.version,
        "source_name": row.source_name,
        "state": row.state.value,
        "settled_at": row.settled_at,
        "reason": row.reason,
        "computed": ",".join(row.computed),
    }


def _settlement(row: Any) -> Settlement:  # noqa: ANN401 - SQLAlchemy rows of a whole table are untyped
    return Settlement(
        id=SettlementId(row.acquisition_id, row.stage, row.lane, row.pipeline, row.attempt),
        image_id=row.image_id,
        version=row.version,
        source_name=row.source_name,
        state=State(row.state),
        settled_at=_aware(row.settled_at),
        reason=row.reason,
        computed=tuple(row.computed.split(",")) if row.computed else (),
    )


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)
