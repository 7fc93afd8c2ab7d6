"""What a database's error means: wait, put something right, or a bug."""

import sqlite3
from enum import Enum

import psycopg
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from streams.errors import TransientError, UsageError


class Meaning(Enum):
    """What to do about an error of the server."""

    WAIT = "wait"
    SETTINGS = "correct [postgres] in the settings"
    CREATE = "create the database, or correct the url of [postgres] in the settings"
    MIGRATE = "run semstream ledger migrate"
    RIGHTS = "give the user of [postgres] its rights on the ledger's tables"
    BUG = "bug"


BY_CODE = {
    "25006": Meaning.WAIT,  # read-only: a standby, until it is promoted or the address points elsewhere
    "25P03": Meaning.WAIT,  # the server ended a transaction in which nothing happened for too long
    "25P04": Meaning.WAIT,  # or one that took too long
    "42501": Meaning.RIGHTS,
    "42P01": Meaning.MIGRATE,  # no such table
    "42703": Meaning.MIGRATE,  # no such column
    "57P04": Meaning.CREATE,  # the database was dropped
}
BY_CLASS = {
    "08": Meaning.WAIT,  # connection
    "0A": Meaning.BUG,  # not supported
    "28": Meaning.SETTINGS,  # authorization
    "3D": Meaning.CREATE,  # no such database
    "3F": Meaning.MIGRATE,  # no such schema
    "40": Meaning.WAIT,  # serialization, deadlock
    "53": Meaning.WAIT,  # disk full, out of memory, too many connections
    "55": Meaning.WAIT,  # a lock is held
    "57": Meaning.WAIT,  # shutdown, statement timeout
    "58": Meaning.WAIT,  # the server's input and output
    "HV": Meaning.BUG,
    **dict.fromkeys(("00", "01", "02", "03", "09", "0B", "0F", "0L", "0P", "0Z", "10"), Meaning.BUG),
    **dict.fromkeys(("20", "21", "22", "23", "24", "25", "26", "27", "2B", "2D", "2F"), Meaning.BUG),
    **dict.fromkeys(("34", "38", "39", "3B", "42", "44", "54", "72", "F0", "P0", "XX"), Meaning.BUG),
}
BY_TEXT = {
    "too many connections": Meaning.WAIT,
    "authentication failed": Meaning.SETTINGS,
    "no password supplied": Meaning.SETTINGS,
    "no pg_hba.conf entry": Meaning.SETTINGS,
    "is not permitted to log in": Meaning.SETTINGS,
    "certificate": Meaning.SETTINGS,
    "does not support SSL": Meaning.SETTINGS,
    "invalid sslmode": Meaning.SETTINGS,
    "invalid connection option": Meaning.SETTINGS,
    "invalid port number": Meaning.SETTINGS,
    'role "': Meaning.SETTINGS,
    'database "': Meaning.CREATE,
}
"""Parts of the messages of a failed connection: for those libpq gives no code. Whatever else it says is waited out."""


def mapped(error: SQLAlchemyError, where: str) -> Exception:
    """Return what is to be raised in place of an error; a bug is returned as it is."""
    if isinstance(error, PoolTimeout | DisconnectionError):
        return TransientError(f"{where} does not answer: {error}")
    if not isinstance(error, DBAPIError) or error.orig is None:
        return error
    if isinstance(error.orig, sqlite3.Error):
        return _of_file(error, error.orig, where)
    meaning = Meaning.WAIT if error.connection_invalidated else meaning_of(error.orig)
    if meaning is Meaning.BUG:
        return error
    if meaning is Meaning.WAIT:
        return TransientError(f"{where} does not answer: {_line(error.orig)}")
    return UsageError(f"{where} cannot be used ({_line(error.orig)}): {meaning.value}")


def meaning_of(error: BaseException) -> Meaning:
    """Return what an error of psycopg means."""
    code = getattr(error, "sqlstate", None)
    if code:
        return BY_CODE.get(code) or BY_CLASS.get(code[:2], Meaning.BUG)
    otherwise = Meaning.WAIT if isinstance(error, psycopg.OperationalError) else Meaning.BUG
    return next((meaning for text, meaning in BY_TEXT.items() if text in str(error)), otherwise)


def _of_file(error: DBAPIError, orig: sqlite3.Error, where: str) -> Exception:
    """For SQLite waiting helps when another process writes; disk, rights and file cannot be mended by this process."""
    if getattr(orig, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return TransientError(f"{where} does not answer: {orig}")
    if type(orig) in {sqlite3.OperationalError, sqlite3.DatabaseError}:
        return OSError(f"{where} cannot be used: {orig}")
    return error


def _line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
