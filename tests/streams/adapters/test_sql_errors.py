"""Every error that the database's libraries know has a meaning here."""

import sqlite3
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy.exc
from psycopg import errors as postgres_errors
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from streams.adapters.sql_errors import BY_CLASS, BY_CODE, Meaning, mapped, meaning_of
from streams.errors import TransientError, UsageError

WITHOUT_CODE = {
    psycopg.Error: Meaning.BUG,
    psycopg.InterfaceError: Meaning.BUG,
    psycopg.DatabaseError: Meaning.BUG,
    psycopg.DataError: Meaning.BUG,
    psycopg.OperationalError: Meaning.WAIT,
    psycopg.IntegrityError: Meaning.BUG,
    psycopg.InternalError: Meaning.BUG,
    psycopg.ProgrammingError: Meaning.BUG,
    psycopg.NotSupportedError: Meaning.BUG,
    postgres_errors.ConnectionTimeout: Meaning.WAIT,
    postgres_errors.CancellationTimeout: Meaning.WAIT,
    postgres_errors.PipelineAborted: Meaning.WAIT,
}
WAITED_OUT = {"DisconnectionError", "InvalidatePoolError", "TimeoutError"}
WRAPPERS = {
    "DBAPIError",
    "InterfaceError",
    "DatabaseError",
    "DataError",
    "OperationalError",
    "IntegrityError",
    "InternalError",
    "ProgrammingError",
    "NotSupportedError",
}
BUGS = {
    "SQLAlchemyError", "ArgumentError", "DuplicateColumnError", "ObjectNotExecutableError", "NoSuchModuleError",
    "NoForeignKeysError", "AmbiguousForeignKeysError", "ConstraintColumnNotFoundError", "CircularDependencyError",
    "CompileError", "UnsupportedCompilationError", "IdentifierError", "InvalidRequestError", "IllegalStateChangeError",
    "NoInspectionAvailable", "NoDBAPILoaded", "PendingRollbackError", "ResourceClosedError", "NoSuchColumnError",
    "AmbiguousColumnError", "NoResultFound", "MultipleResultsFound", "NoReferenceError", "AwaitRequired",
    "MissingGreenlet", "NoReferencedTableError", "NoReferencedColumnError", "NoSuchTableError",
    "UnreflectableTableError", "UnboundExecutionError", "StatementError",
}  # fmt: skip


def classes_of_psycopg() -> Iterator[type[psycopg.Error]]:
    public = (thing for name, thing in vars(postgres_errors).items() if not name.startswith("_"))
    return (thing for thing in public if isinstance(thing, type) and issubclass(thing, psycopg.Error))


def test_every_class_of_psycopg_has_a_meaning() -> None:
    unknown = [c for c in classes_of_psycopg() if c.sqlstate not in BY_CODE and (c.sqlstate or "")[:2] not in BY_CLASS]
    assert {c: meaning_of(c("")) for c in unknown} == WITHOUT_CODE


def test_every_class_of_sqlalchemy_has_a_meaning() -> None:
    errors = {
        name
        for name, thing in vars(sqlalchemy.exc).items()
        if isinstance(thing, type) and issubclass(thing, SQLAlchemyError)
    }
    assert errors == WAITED_OUT | WRAPPERS | BUGS
    for name in WAITED_OUT:
        assert isinstance(mapped(getattr(sqlalchemy.exc, name)(), "the ledger"), TransientError)
    bug = SQLAlchemyError("a bug")
    assert mapped(bug, "the ledger") is bug


def wrapped(orig: BaseException, *, connection_invalidated: bool = False) -> DBAPIError:
    parameters = {"secret": "hunter2"}
    return DBAPIError("SELECT secret", parameters, orig, connection_invalidated=connection_invalidated)


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (postgres_errors.DeadlockDetected, TransientError),
        (postgres_errors.SerializationFailure, TransientError),
        (postgres_errors.AdminShutdown, TransientError),
        (postgres_errors.CannotConnectNow, TransientError),
        (postgres_errors.TooManyConnections, TransientError),
        (postgres_errors.DiskFull, TransientError),
        (postgres_errors.ReadOnlySqlTransaction, TransientError),
        (postgres_errors.QueryCanceled, TransientError),
        (postgres_errors.LockNotAvailable, TransientError),
        (postgres_errors.InvalidPassword, UsageError),
        (postgres_errors.InvalidCatalogName, UsageError),
        (postgres_errors.UndefinedTable, UsageError),
        (postgres_errors.InsufficientPrivilege, UsageError),
        (postgres_errors.SyntaxError, DBAPIError),
        (postgres_errors.DataCorrupted, DBAPIError),
        (postgres_errors.UniqueViolation, DBAPIError),
        (psycopg.OperationalError, TransientError),
        (sqlite3.OperationalError, OSError),
        (sqlite3.DatabaseError, OSError),
        (sqlite3.IntegrityError, DBAPIError),
        (sqlite3.ProgrammingError, DBAPIError),
    ],
)
def test_waiting_correcting_and_crashing_are_told_apart(
    error: type[psycopg.Error] | type[sqlite3.Error], becomes: type[Exception]
) -> None:
    found = mapped(wrapped(error("it said so\nDETAIL: and more")), "the ledger")
    assert isinstance(found, becomes)
    if becomes is not DBAPIError:
        assert "it said so" in str(found)
        assert "secret" not in str(found)
        assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("said", "becomes"),
    [
        ("connection refused", TransientError),
        ("could not translate host name", TransientError),
        ('FATAL:  too many connections for role "semstream"', TransientError),
        ("FATAL:  the database system is starting up", TransientError),
        ('FATAL:  password authentication failed for user "semstream"', UsageError),
        ('FATAL:  role "nobody" does not exist', UsageError),
        ('FATAL:  database "nothing" does not exist', UsageError),
        ("SSL error: certificate verify failed", UsageError),
        ("server does not support SSL, but SSL was required", UsageError),
    ],
)
def test_a_connection_that_failed_is_judged_by_what_it_says(said: str, becomes: type[Exception]) -> None:
    assert isinstance(mapped(wrapped(psycopg.OperationalError(said)), "the ledger"), becomes)


def test_whatever_ends_a_connection_is_waited_out() -> None:
    gone = wrapped(psycopg.InterfaceError("the cursor is closed"), connection_invalidated=True)
    assert isinstance(mapped(gone, "the ledger"), TransientError)
