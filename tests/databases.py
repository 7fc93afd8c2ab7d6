"""Databases of a test's own on the Postgres server of this machine."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

from streams.adapters.sql_database import Database
from streams.adapters.sql_schema import migrate
from streams.settings import PostgresSettings
from tests.services import absent, settings


@contextmanager
def empty_database() -> Iterator[PostgresSettings]:
    """Create a database without tables, and drop it in the end."""
    server = settings().postgres
    name = f"test_{uuid4().hex[:12]}"
    try:
        admin = psycopg.connect(server.url, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        absent(f"no PostgreSQL at {server.url}: {error}")
    with closing(admin):
        admin.execute(f"CREATE DATABASE {name}")
        try:
            url = make_url(server.url).set(database=name)
            yield PostgresSettings(url=url.render_as_string(hide_password=False), password=server.password)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def migrated_database() -> Iterator[PostgresSettings]:
    """Create a database with the ledger's tables, and drop it in the end."""
    with empty_database() as found:
        database = Database.postgres(found, connections=1)
        migrate(database)
        database.close()
        yield found


def empty_tables(found: PostgresSettings) -> None:
    """Remove every row."""
    with psycopg.connect(found.url, autocommit=True) as connection:
        connection.execute("TRUNCATE outcome, settlement, tally, suspect, seed")
