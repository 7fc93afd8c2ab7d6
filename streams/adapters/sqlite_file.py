"""The SQLite file of the agent's journal: its tables, its lock, and its errors in the words of `streams.errors`."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from streams.errors import TransientError, UsageError
from streams.locks import hold

VERSION = 1
PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}
"""Errors that somebody else ends, or may: another process writes, the disk is full."""

SCHEMA = """
CREATE TABLE feed (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, topic TEXT NOT NULL, folder TEXT NOT NULL,
    UNIQUE (source, topic, folder)
) STRICT;
CREATE TABLE file (
    feed INTEGER NOT NULL REFERENCES feed, name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT, sha256 TEXT, since TEXT NOT NULL,
    PRIMARY KEY (feed, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX file_state ON file (state, feed);
CREATE TABLE acquisition (
    key INTEGER PRIMARY KEY, feed INTEGER NOT NULL REFERENCES feed, name TEXT NOT NULL, sha256 TEXT NOT NULL,
    page INTEGER NOT NULL, acquisition_id TEXT NOT NULL, event BLOB, published_at TEXT,
    UNIQUE (feed, name, sha256, page)
) STRICT;
CREATE INDEX acquisition_pending ON acquisition (key) WHERE event IS NOT NULL;
"""
"""An acquisition keeps its event until the brokers have it."""


def opened(path: Path) -> sqlite3.Connection:
    """Open the file, and make its tables where there are none.

    Raises
    ------
    UsageError
        If it cannot be opened, is no journal, or one of another version.
    """
    try:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        with ExitStack() as undo:
            undo.callback(connection.close)
            _prepare(connection, path)
            undo.pop_all()
    except sqlite3.Error as error:
        raise UsageError(f"{path} cannot be used as a journal ({error}); choose another --state") from error
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if _version(connection) == 0:
        connection.execute("BEGIN IMMEDIATE")
        if _version(connection) == 0:  # nobody else has made the tables meanwhile
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    if _version(connection) != VERSION:
        version = _version(connection)
        raise UsageError(f"{path} is a journal of another version ({version}); choose another --state")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def locked(path: Path) -> IO[str]:
    """Take the file for this process, until what is returned is closed; raises `UsageError` where another has it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("w")
    except OSError as error:
        raise UsageError(f"cannot write to {path.parent}: {error.strerror}; choose another --state") from error
    try:
        hold(lock, f"another semstream publish is using {path}; wait for it, end it, or choose another --state")
    except UsageError:
        lock.close()
        raise
    return lock


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Do all or nothing.

    Raises
    ------
    TransientError
        If waiting may help.
    OSError
        If the file is at fault.
    """
    try:
        connection.execute("BEGIN")
        try:
            yield connection
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in PASSING:
            raise TransientError(f"the journal cannot be written: {error}") from error
        if type(error) in {sqlite3.OperationalError, sqlite3.DatabaseError}:
            raise OSError(errno.EIO, f"the journal cannot be used: {error}") from error
        raise
