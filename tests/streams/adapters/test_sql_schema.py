"""How a ledger's tables come to this version's, from nothing and from every earlier one."""

import sqlite3
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from streams.adapters import migrations
from streams.adapters.sql_database import Database
from streams.adapters.sql_ledger import SqlLedger
from streams.adapters.sql_questions import SqlQuestions
from streams.adapters.sql_schema import HEAD, check, migrate
from streams.adapters.sql_tables import Table
from streams.errors import UsageError
from streams.ports import Settlement, SettlementId, State
from streams.settings import PostgresSettings
from tests.databases import empty_database

AS_RELEASED = """
CREATE TABLE outcome ("key" VARCHAR NOT NULL, image_id VARCHAR NOT NULL, body BLOB NOT NULL,
    created_at DATETIME NOT NULL, PRIMARY KEY ("key"));
CREATE INDEX ix_outcome_image_id ON outcome (image_id);
CREATE TABLE settlement (acquisition_id VARCHAR NOT NULL, stage VARCHAR NOT NULL, lane VARCHAR NOT NULL,
    pipeline VARCHAR NOT NULL, attempt INTEGER NOT NULL, image_id VARCHAR NOT NULL, version VARCHAR NOT NULL,
    source_name VARCHAR NOT NULL, state VARCHAR NOT NULL, settled_at DATETIME NOT NULL, reason VARCHAR,
    computed VARCHAR NOT NULL, PRIMARY KEY (acquisition_id, stage, lane, pipeline, attempt));
CREATE INDEX ix_settlement_image_id ON settlement (image_id);
CREATE INDEX ix_settlement_source_name ON settlement (source_name);
"""
"""What ``create_all`` of version 0.1 made of an empty file."""
CANDIDATE = b'{"name":"mean","object":{"store":"folder","bucket":"sem","key":"candidates/ab/abab.tif"}}'
SCORING = b'{"noise":{},"scores":{}}'


def released(path: Path) -> None:
    """Write a ledger as version 0.1 left it."""
    outcomes = [("i-0:v:filter:1", CANDIDATE), ("i-0:v:metrics:2", SCORING)]
    with closing(sqlite3.connect(path)) as file, file:
        file.executescript(AS_RELEASED)
        rows = [(key, "i-0", zlib.compress(body, 1), "2026-01-02 12:00:00.000000") for key, body in outcomes]
        file.executemany("INSERT INTO outcome VALUES (?, ?, ?, ?)", rows)
        same = ("i-0", "v", "lot/a.tif")
        done = ("a", "filter", "live", "p", 1, *same, "done", "2026-01-02 12:03:00.000004", None, "mean,raw")
        retried = ("a", "metrics", "live", "p", 2, *same, "done", "2026-01-02 12:14:00.000000", None, "")
        failed = ("a", "metrics", "live", "p", 1, *same, "rejected", "2026-01-02 12:13:00.000000", "NaN", "")
        file.executemany(f"INSERT INTO settlement VALUES ({','.join('?' * 12)})", [done, retried, failed])


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        database = Database.sqlite(tmp_path / "ledger.sqlite", patience_s=30)
        yield database
        database.close()
        return
    with empty_database() as found:
        database = Database.postgres(found, connections=4)
        yield database
        database.close()


def test_the_migrations_make_the_tables_that_the_models_describe(database: Database) -> None:
    assert migrate(database)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []
        assert {"candidate", "score", "selection"} == set(inspect(connection).get_view_names())


def test_our_revision_is_the_last_of_the_migrations() -> None:
    assert ScriptDirectory(migrations.__path__[0]).get_heads() == [HEAD]


def test_a_second_migration_has_nothing_to_do(database: Database) -> None:
    assert [migrate(database), migrate(database)] == [True, False]
    check(database)


def test_only_one_of_many_who_migrate_at_once_does_it(database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: migrate(database), range(4))) == [False, False, False, True]


def test_a_migration_that_fails_leaves_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.adapters.sql_schema.HEAD", "0001")
    migrate(database)
    monkeypatch.undo()
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE seed (occupied INTEGER)"))
    with pytest.raises(Exception, match="seed"):
        migrate(database)
    with database.reading() as connection:
        assert set(inspect(connection).get_table_names()) == {"alembic_version", "outcome", "settlement", "seed"}
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "0001"


def test_workers_refuse_a_ledger_without_tables_and_one_that_is_behind(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="has no tables yet: run semstream ledger migrate"):
        check(database)
    monkeypatch.setattr("streams.adapters.sql_schema.HEAD", "0001")
    migrate(database)
    monkeypatch.undo()
    with pytest.raises(UsageError, match="is at revision 0001, this version needs 0003: run semstream ledger migrate"):
        check(database)


def test_a_ledger_of_a_newer_version_is_refused(database: Database) -> None:
    migrate(database)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    for refuse in (check, migrate):
        with pytest.raises(UsageError, match=r"made by a newer semstream .revision 0099; this one knows 0003"):
            refuse(database)


def test_a_file_of_a_newer_version_is_refused_by_name(tmp_path: Path) -> None:
    SqlLedger.sqlite(tmp_path / "ledger.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as file, file:
        file.execute("UPDATE alembic_version SET version_num = '0099'")
    with pytest.raises(UsageError, match=r"ledger.sqlite cannot be used as a ledger .*newer.*choose another --out"):
        SqlLedger.sqlite(tmp_path / "ledger.sqlite")


def test_a_server_without_tables_is_refused_by_its_address() -> None:
    with empty_database() as found:
        with pytest.raises(UsageError, match=r"the ledger at 127\.0\.0\.1:\d+/test_\w+ has no tables yet"):
            SqlLedger.postgres(found, connections=1)
        assert isinstance(found, PostgresSettings)


def test_a_ledger_of_version_0_1_is_upgraded_with_everything_in_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    released(path)
    ledger = SqlLedger.sqlite(path)
    outcomes, settlements = ledger.history("a.tif")
    assert {row.key: row.body for row in outcomes} == {"i-0:v:filter:1": CANDIDATE, "i-0:v:metrics:2": SCORING}
    at = datetime(2026, 1, 2, 12, 3, 0, 4, tzinfo=UTC)
    done = Settlement(
        SettlementId("a", "filter", "live", "p", 1), "i-0", "v", "lot/a.tif", State.DONE, at, computed=("mean", "raw")
    )
    assert settlements[0] == done
    assert [(s.id.stage, s.state.value, s.reason) for s in settlements[1:]] == [
        ("metrics", "rejected", "NaN"),
        ("metrics", "done", None),
    ]
    with ledger.database.reading() as connection:
        named = connection.execute(text("SELECT stage, object_key FROM outcome ORDER BY key")).all()
    assert [tuple(row) for row in named] == [("filter", "candidates/ab/abab.tif"), ("metrics", None)]
    standing = SqlQuestions(ledger.database).standing(at)
    assert [(s.stage, s.done, s.rejected, s.retried) for s in standing.stages] == [
        ("filter", 1, 0, 0),
        ("metrics", 1, 0, 1),
    ]
    assert [lane.images for lane in standing.lanes] == [1]
    ledger.settle(outcomes, [done])
    assert SqlQuestions(ledger.database).standing(at) == standing
    ledger.close()
    assert SqlLedger.sqlite(path).history("a.tif")[0] == outcomes
