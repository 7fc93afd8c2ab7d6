"""A database behind SQLAlchemy: connections that fail fast, and transactions whose errors have our words."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from psycopg.types.array import ListBinaryDumper
from sqlalchemy import URL, Connection, CursorResult, Engine, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite.dml import Insert as SqliteInsert
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute

from streams.adapters.sql_errors import mapped
from streams.adapters.sql_given import Given
from streams.adapters.sql_tables import Table
from streams.errors import UsageError
from streams.settings import PostgresSettings

CONNECT_TIMEOUT_S = 10
POOL_TIMEOUT_S = 30.0
READ_ONLY = "SET TRANSACTION READ ONLY"
SESSION = "-c statement_timeout=60s -c lock_timeout=20s -c idle_in_transaction_session_timeout=10s -c timezone=UTC"
"""A worker that froze in a transaction holds its rows no longer than this."""


class Database:
    """Where tables are: ``place`` is a file, or a server's address and the database there."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        url = engine.url
        self.place = f"{url.host}:{url.port or 5432}/{url.database}" if url.host else str(url.database)
        self.is_file = engine.dialect.name == "sqlite"
        self._writing = engine.execution_options(begin="BEGIN IMMEDIATE")
        # On a server each statement of a reader sees its own snapshot anyhow: two round trips less.
        self._reading = engine if self.is_file else engine.execution_options(isolation_level="AUTOCOMMIT")
        self._turn: AbstractContextManager[object] = threading.Lock() if self.is_file else nullcontext()

    @classmethod
    def sqlite(cls, path: Path, *, patience_s: float) -> "Database":
        """Open or create a file: write-ahead log, durable against the end of the process."""
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": patience_s})

        @event.listens_for(engine, "connect")
        def _configure(connection: Any, _: object) -> None:  # noqa: ANN401 - a DB-API connection has no common type
            connection.isolation_level = None  # the driver begins no transaction: the next function does
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

        return cls(engine)

    @classmethod
    def postgres(cls, settings: PostgresSettings, *, connections: int) -> "Database":
        """Reach a server, by so many connections at the most; none is opened yet.

        Raises
        ------
        UsageError
            If the settings' url is none of PostgreSQL.
        """
        engine = create_engine(
            _url(settings),
            pool_size=connections,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_S,
            hide_parameters=True,
            connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "tcp_user_timeout": 30_000, "keepalives_idle": 30},
        )

        @event.listens_for(engine, "connect")
        def _configure(connection: Any, _: object) -> None:  # noqa: ANN401 - as above
            # Arrays of 500 outcomes take 2.5 ms to send in binary, 20 ms as text.
            connection.adapters.register_dumper(list, ListBinaryDumper)

        return cls(engine)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Run statements that write nothing."""
        with self._in_our_words(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """Run somebody's own query, which can change nothing.

        Raises
        ------
        UsageError
            If it cannot be answered; the message says why.
        """
        on, off = ("PRAGMA query_only = ON", "PRAGMA query_only = OFF") if self.is_file else (READ_ONLY, "")
        with self._in_our_words(), self.engine.begin() as connection:
            connection.exec_driver_sql(on)
            try:
                yield connection
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise
                said = str(error.orig).strip().splitlines()[0] if error.orig else str(error)
                raise UsageError(f"{self.name} cannot answer this query: {said}") from error
            finally:
                if off:
                    connection.exec_driver_sql(off)

    def asked(self, connection: Connection, query: str) -> CursorResult[Any]:
        """Run one statement of somebody's own, and no second one behind it.

        A server is handed a parameter, though there is none: psycopg sends a text without any by the simple protocol,
        which takes several statements, and so could end the transaction that keeps the query from writing.
        """
        if self.is_file:
            return connection.exec_driver_sql(query)
        return connection.exec_driver_sql(f"{query.replace('%', '%%')} LIMIT %(most)s", {"most": None})

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Run a transaction: all or nothing. A file has one writer at a time, and its threads queue here."""
        with self._turn, self._in_our_words(), self._writing.begin() as connection:
            yield connection

    def given(self, *columns: InstrumentedAttribute[Any]) -> Given:
        """Return rows that are handed to a statement."""
        return Given(self.engine.dialect.name, columns)

    def insert(self, table: type[Table]) -> postgresql.Insert | SqliteInsert:
        """Return an insertion that knows what to do on a conflict."""
        return sqlite.insert(table) if self.is_file else postgresql.insert(table)

    def close(self) -> None:
        """Release the connections."""
        self.engine.dispose()

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise mapped(error, self.name) from error

    @property
    def name(self) -> str:
        """How messages call it."""
        return "the ledger" if self.is_file else f"the ledger at {self.place}"


def _url(settings: PostgresSettings) -> URL:
    try:
        url = make_url(settings.url)
    except ArgumentError as error:
        raise UsageError("[postgres]: url is none; it looks like postgresql://user@host:5432/database") from error
    if url.get_backend_name() != "postgresql":
        raise UsageError(f"[postgres]: url begins with {url.drivername}://, not with postgresql://")
    query = dict(url.query)
    query["options"] = f"{SESSION} {query.get('options', '')}".strip()
    query.setdefault("application_name", "semstream")
    if settings.ca_file:
        query["sslrootcert"] = str(settings.ca_file)
        query.setdefault("sslmode", "verify-full")
    password = settings.password.get_secret_value() if settings.password else url.password
    return url.set(drivername="postgresql+psycopg", password=password, query=query)
