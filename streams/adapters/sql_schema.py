"""Which revision of the ledger's tables a database has, and how it comes to ours."""

from importlib.resources import files

from sqlalchemy import Connection, inspect, text

from streams.adapters.sql_database import Database
from streams.errors import UsageError

HEAD = "0003"
RELEASED = "0001"
"""What version 0.1 made, without a revision."""
RELEASED_COLUMNS = {
    "outcome": {"key", "image_id", "body", "created_at"},
    "settlement": {"acquisition_id", "stage", "lane", "pipeline", "attempt", "image_id", "source_name", "computed"},
}
LOCK = 0x5E4571EA
"""The advisory lock of whoever migrates."""


class UnknownRevision(UsageError):
    """The tables are those of another version of this program; the message says which."""


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the tables, or None where there are none.

    Raises
    ------
    UnknownRevision
        If they are none of this version's, nor of an earlier one's.
    """
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if revision is not None and revision > HEAD:
            raise UnknownRevision(f"it was made by a newer semstream (revision {revision}; this one knows {HEAD})")
        return revision
    if not set(tables) & set(RELEASED_COLUMNS):
        return None
    for name, columns in RELEASED_COLUMNS.items():
        missing = columns - {column["name"] for column in inspect(connection).get_columns(name)}
        if missing:
            raise UnknownRevision(f"it is of another version: {name} has no {', '.join(sorted(missing))}")
    return RELEASED


def migrate(database: Database) -> bool:
    """Bring the tables to our revision, all or nothing; return whether anything was to be done.

    Only one process migrates at a time: the others wait, and then find nothing to do.
    """
    with database.reading() as connection:
        if revision_of(connection) == HEAD:
            return False
    with database.writing() as connection:
        if not database.is_file:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        revision = revision_of(connection)
        if revision == HEAD:
            return False
        _upgrade(connection, revision)
    return True


def check(database: Database) -> None:
    """Refuse tables that are not of our revision.

    Raises
    ------
    UsageError
        With what to do about it.
    """
    with database.reading() as connection:
        try:
            revision = revision_of(connection)
        except UnknownRevision as error:
            raise UsageError(f"{database.name} cannot be used: {error}; install that version") from error
    if revision != HEAD:
        state = f"is at revision {revision}, this version needs {HEAD}" if revision else "has no tables yet"
        raise UsageError(f"{database.name} {state}: run semstream ledger migrate")


def _upgrade(connection: Connection, revision: str | None) -> None:
    from alembic.migration import MigrationContext  # noqa: PLC0415 - workers never migrate, and start sooner without
    from alembic.operations import Operations  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory(str(files("streams.adapters") / "migrations"))
    context = MigrationContext.configure(connection)
    with Operations.context(context):
        for script in reversed(list(scripts.iterate_revisions(HEAD, revision or "base"))):
            script.module.upgrade()
    context.stamp(scripts, HEAD)
