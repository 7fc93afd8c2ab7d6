"""The agent's journal in a SQLite file.

Write-ahead log with a flush at every commit: also a power cut leaves a journal that is right. Two commits a batch of
files, so the flushes do not count.
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from schemas.events import ImageEvent
from streams.adapters.sqlite_file import locked, opened, transaction
from streams.agent.journal import FeedId, FileNote, FileState, Pending, Stamp, Upload

WRITE_NOTE = """
INSERT INTO file (feed, name, size_bytes, mtime_ns, state, reason, sha256, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (feed, name) DO UPDATE SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,
    state = excluded.state, reason = excluded.reason, since = excluded.since,
    sha256 = coalesce(excluded.sha256, file.sha256)
"""
WRITE_ACQUISITION = """
INSERT INTO acquisition (feed, name, sha256, page, acquisition_id, event) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
MARK_PUBLISHED_FILES = """
UPDATE file SET state = 'published', since = ? WHERE state = 'uploaded' AND NOT EXISTS (
    SELECT 1 FROM acquisition AS a
    WHERE a.feed = file.feed AND a.name = file.name AND a.sha256 = file.sha256 AND a.event IS NOT NULL)
"""
FORGET_NOTE = """
DELETE FROM file
WHERE feed = ? AND state IN ('seen', 'skipped') AND sha256 IS NULL AND name IN (SELECT value FROM json_each(?))
"""
RESTORE_NOTE = """
UPDATE file SET state = 'published'
WHERE feed = ? AND state IN ('seen', 'skipped') AND name IN (SELECT value FROM json_each(?))
"""


class SqliteJournal:
    """A journal file, of one process at a time; `of` gives the notes of one feed.

    Raises
    ------
    UsageError
        If another process writes to it, or it is no journal.
    """

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._now = now
        with ExitStack() as undo:
            lock = undo.enter_context(locked(path))
            self._connection = opened(path)
            undo.pop_all()
        self._lock = lock

    def of(self, feed: FeedId) -> "FeedJournal":
        """Return the notes of a feed."""
        values = (feed.source, feed.topic, feed.folder)
        with transaction(self._connection) as db:
            db.execute("INSERT INTO feed (source, topic, folder) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", values)
            found = db.execute("SELECT id FROM feed WHERE source = ? AND topic = ? AND folder = ?", values).fetchone()
        return FeedJournal(self._connection, int(found[0]), self._now)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()
        self._lock.close()


class FeedJournal:
    """The notes of one feed; the calls are those of `streams.agent.journal.Journal`."""

    def __init__(self, connection: sqlite3.Connection, feed: int, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._feed = feed
        self._now = now

    def notes(self, names: Collection[str]) -> dict[str, FileNote]:
        """Return what is known of the files at these names."""
        query = """SELECT name, size_bytes, mtime_ns, state, reason, sha256 FROM file
            WHERE feed = ? AND name IN (SELECT value FROM json_each(?))"""
        with transaction(self._connection) as db:
            return {row[0]: _note(row) for row in db.execute(query, (self._feed, json.dumps(list(names))))}

    def names(self, state: FileState) -> list[str]:
        """Return the names of the files in a state."""
        with transaction(self._connection) as db:
            found = db.execute("SELECT name FROM file WHERE feed = ? AND state = ?", (self._feed, state))
            return [name for (name,) in found]

    def write(self, notes: Sequence[FileNote]) -> None:
        """Write down states."""
        if notes:
            with transaction(self._connection) as db:
                db.executemany(WRITE_NOTE, [self._values(note) for note in notes])

    def forget(self, names: Collection[str]) -> None:
        """Wait for these files no longer: nothing is known of them, or what was uploaded from there before."""
        if names:
            values = (self._feed, json.dumps(list(names)))
            with transaction(self._connection) as db:
                db.execute(FORGET_NOTE, values)
                db.execute(RESTORE_NOTE, values)

    def acquisitions(self, name: str, sha256: str) -> dict[int, str]:
        """Return the acquisitions that a content at a name became, by page."""
        query = "SELECT page, acquisition_id FROM acquisition WHERE feed = ? AND name = ? AND sha256 = ?"
        with transaction(self._connection) as db:
            return dict(db.execute(query, (self._feed, name, sha256)).fetchall())

    def uploaded(self, uploads: Sequence[Upload]) -> None:
        """Write down uploads with their events, in one transaction."""
        with transaction(self._connection) as db:
            for upload in uploads:
                note = FileNote(upload.name, upload.stamp, FileState.UPLOADED, sha256=upload.sha256)
                notes = [note] if upload.second is None else [note, upload.second]
                db.executemany(WRITE_NOTE, [self._values(each) for each in notes])
                db.executemany(WRITE_ACQUISITION, [self._acquisition(upload, event) for event in upload.events])
            db.execute(MARK_PUBLISHED_FILES, (self._now().isoformat(),))

    def pending(self, *, limit: int) -> list[Pending]:
        """Return events that are to be published, oldest first, of whatever feed."""
        query = """SELECT key, topic, event FROM acquisition JOIN feed ON acquisition.feed = feed.id
            WHERE event IS NOT NULL ORDER BY key LIMIT ?"""
        with transaction(self._connection) as db:
            return [Pending(key, topic, ImageEvent.from_json(body)) for key, topic, body in db.execute(query, (limit,))]

    def published(self, events: Sequence[Pending]) -> None:
        """Write down that the brokers have these events."""
        now = self._now().isoformat()
        with transaction(self._connection) as db:
            statement = "UPDATE acquisition SET event = NULL, published_at = ? WHERE key = ?"
            db.executemany(statement, [(now, event.key) for event in events])
            db.execute(MARK_PUBLISHED_FILES, (now,))

    def _values(self, note: FileNote) -> tuple[int | str | None, ...]:
        stamp = (note.stamp.size_bytes, note.stamp.mtime_ns)
        return (self._feed, note.name, *stamp, note.state, note.reason, note.sha256, self._now().isoformat())

    def _acquisition(self, upload: Upload, event: ImageEvent) -> tuple[int | str | bytes, ...]:
        identity = event.acquisition.acquisition_id
        return (self._feed, upload.name, upload.sha256, event.image.page, identity, event.to_json())


def _note(row: tuple[str, int, int, str, str | None, str | None]) -> FileNote:
    name, size_bytes, mtime_ns, state, reason, sha256 = row
    return FileNote(name, Stamp(size_bytes, mtime_ns), FileState(state), reason, sha256)
