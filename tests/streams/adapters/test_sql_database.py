"""What a server can do to the ledger: refuse it, break the connection, hold a lock, go away and come back."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from streams.adapters import sql_database
from streams.adapters.sql_database import Database
from streams.adapters.sql_ledger import SqlLedger
from streams.adapters.sql_schema import migrate
from streams.errors import TransientError, UsageError
from streams.ports import OutcomeRow
from streams.settings import PostgresSettings
from tests.databases import migrated_database
from tests.events import NOON
from tests.own_servers import OwnPostgres, free_port

ROW = OutcomeRow("i:v:filter:1", b"body", NOON)


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    """A server with TLS and passwords, and the ledger's tables."""
    with OwnPostgres() as server:
        database = Database.postgres(PostgresSettings(url=server.url()), connections=1)
        migrate(database)
        database.close()
        yield server


@pytest.fixture
def folder(server: OwnPostgres) -> Path:
    return server.folder


def refused(settings: PostgresSettings) -> str:
    with pytest.raises(UsageError) as error:
        SqlLedger.postgres(settings, connections=1)
    said = str(error.value)
    assert "\n" not in said
    assert "hunter2" not in said
    assert "wrong" not in said
    return said


def test_over_tls_with_the_right_authority_and_a_password_from_the_settings(server: OwnPostgres, folder: Path) -> None:
    url = f"postgresql://owner@localhost:{server.port}/postgres"
    settings = PostgresSettings(url=url, password=SecretStr("hunter2"), ca_file=folder / "ca.pem")
    with closing(SqlLedger.postgres(settings, connections=1)) as ledger:
        assert ledger.settle([ROW], []).bodies == {ROW.key: ROW.body}
        with ledger.database.reading() as connection:
            encrypted = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            assert connection.scalar(encrypted) is True


def test_whoever_cannot_be_trusted_is_refused_in_one_line(server: OwnPostgres, folder: Path) -> None:
    url = server.url()
    said = refused(PostgresSettings(url=url, ca_file=folder / "stranger.pem"))
    assert "certificate verify failed" in said
    assert "correct [postgres] in the settings" in said
    assert "certificate" in refused(PostgresSettings(url=server.url(host="127.0.0.1"), ca_file=folder / "ca.pem"))
    assert "absent.pem" in refused(PostgresSettings(url=url, ca_file=folder / "absent.pem"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"password": "wrong"}, r"password authentication failed.*correct \[postgres\] in the settings"),
        ({"database": "nothing"}, r'database "nothing" does not exist.*create the database'),
    ],
)
def test_a_wrong_password_and_a_wrong_database_are_told(
    server: OwnPostgres, change: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        SqlLedger.postgres(PostgresSettings(url=server.url(**change)), connections=1)
    refused(PostgresSettings(url=server.url(**change)))


def test_a_user_without_rights_is_told(server: OwnPostgres) -> None:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("CREATE ROLE reader LOGIN PASSWORD 'hunter2'")
        admin.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    url = server.url().replace("owner:", "reader:")
    with closing(SqlLedger.postgres(PostgresSettings(url=url), connections=1)) as ledger:
        assert ledger.bodies(["unknown"]) == {}
        with pytest.raises(UsageError, match=r"permission denied for table outcome.*give the user of .postgres. its"):
            ledger.settle([ROW], [])


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "url is none"),
        ("mysql://localhost/semstream", "url begins with mysql://"),
        ("postgresql://owner@localhost:1/x?sslmode=perhaps", "sslmode"),
        ("postgresql://owner@localhost:1/x?bogus=1", "bogus"),
    ],
)
def test_an_address_that_is_none_is_told(url: str, message: str) -> None:
    assert message in refused(PostgresSettings(url=url))


def test_nobody_at_the_address_is_waited_for() -> None:
    url = f"postgresql://owner@127.0.0.1:{free_port()}/postgres"
    with pytest.raises(TransientError, match=r"the ledger at 127\.0\.0\.1:\d+/postgres does not answer"):
        SqlLedger.postgres(PostgresSettings(url=url), connections=1)


def test_a_server_that_crashes_is_waited_for_and_then_all_goes_on(server: OwnPostgres) -> None:
    with closing(SqlLedger.postgres(PostgresSettings(url=server.url()), connections=2)) as ledger:
        ledger.settle([ROW], [])
        server.stop()
        with pytest.raises(TransientError, match="does not answer"):
            ledger.bodies([ROW.key])
        server.start()
        assert ledger.bodies([ROW.key]) == {ROW.key: ROW.body}


def test_a_connection_that_breaks_within_a_transaction_leaves_nothing_behind() -> None:
    with migrated_database() as found, closing(SqlLedger.postgres(found, connections=2)) as ledger:
        tell = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        with pytest.raises(TransientError, match="does not answer"), ledger.database.writing() as connection:
            connection.execute(text("INSERT INTO seed VALUES ('g', 't', 0, 0, now())"))
            with psycopg.connect(found.url, autocommit=True) as other:
                other.execute(tell + "AND pid <> pg_backend_pid()")
            connection.execute(text("SELECT 1"))
        with ledger.database.reading() as connection:
            assert connection.scalar(text("SELECT count(*) FROM seed")) == 0
        assert ledger.settle([ROW], []).bodies == {ROW.key: ROW.body}


def test_a_lock_that_is_held_too_long_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_database, "SESSION", "-c lock_timeout=100ms -c timezone=UTC")
    with migrated_database() as found, closing(SqlLedger.postgres(found, connections=2)) as ledger:
        with ledger.database.writing() as connection:
            connection.execute(text("LOCK TABLE outcome"))
            with pytest.raises(TransientError, match="lock timeout"):
                ledger.settle([ROW], [])
        assert ledger.settle([ROW], []).bodies == {ROW.key: ROW.body}


def test_a_worker_that_freezes_within_a_transaction_holds_nobody_up_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_database, "SESSION", "-c idle_in_transaction_session_timeout=200ms -c timezone=UTC")
    with migrated_database() as found, closing(SqlLedger.postgres(found, connections=2)) as ledger:
        with pytest.raises(TransientError, match="does not answer"), ledger.database.writing() as frozen:
            frozen.execute(text("LOCK TABLE outcome"))
            assert ledger.settle([ROW], []).bodies == {ROW.key: ROW.body}
            frozen.execute(text("SELECT 1"))
        assert ledger.bodies([ROW.key]) == {ROW.key: ROW.body}


def test_more_threads_than_connections_take_turns() -> None:
    with migrated_database() as found, closing(SqlLedger.postgres(found, connections=1)) as ledger:
        threads = [threading.Thread(target=ledger.settle, args=([ROW], [])) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ledger.bodies([ROW.key]) == {ROW.key: ROW.body}


def test_options_of_the_address_are_kept_beside_ours() -> None:
    with migrated_database() as found:
        settings = found.model_copy(update={"url": f"{found.url}?options=-c%20work_mem%3D7MB&application_name=mine"})
        database = Database.postgres(settings, connections=1)
        with closing(database), database.reading() as connection:
            shown = {name: connection.scalar(text(f"SHOW {name}")) for name in ("work_mem", "statement_timeout")}
            assert shown == {"work_mem": "7MB", "statement_timeout": "1min"}
            assert connection.scalar(text("SHOW application_name")) == "mine"
