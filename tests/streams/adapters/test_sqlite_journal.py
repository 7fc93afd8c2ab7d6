import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.events import ImageEvent
from schemas.image import ObjectRef, acquisition_id_of, image_id_of
from streams.adapters.journal_standing import standing_of
from streams.adapters.sqlite_file import opened, transaction
from streams.adapters.sqlite_journal import FeedJournal, SqliteJournal
from streams.agent.journal import FeedId, FileNote, FileState, Stamp, Upload, content_of
from streams.errors import TransientError, UsageError
from tests.events import NOON, image_event, object_ref

FEED = FeedId("/test", "sem.images", "/data")
STAMP = Stamp(3, 2**62)
A, B = "aa" * 32, "bb" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "publish.sqlite"


@pytest.fixture
def journals(path: Path) -> Iterator[SqliteJournal]:
    journals = SqliteJournal(path, lambda: NOON)
    yield journals
    journals.close()


@pytest.fixture
def journal(journals: SqliteJournal) -> FeedJournal:
    return journals.of(FEED)


def note(name: str, state: FileState, reason: str | None = None) -> FileNote:
    return FileNote(name, STAMP, state, reason)


def events(name: str, sha256: str, pages: int = 1) -> tuple[ImageEvent, ...]:
    first = image_event(object_ref(sha256), name=name)
    return tuple(page_of(first, number, first.image.object) for number in range(pages))


def page_of(event: ImageEvent, number: int, ref: ObjectRef) -> ImageEvent:
    image_id = image_id_of(ref.sha256, number)
    identity = acquisition_id_of("/test", event.acquisition.source_name, image_id)
    acquisition = event.acquisition.but(acquisition_id=identity)
    return event.but(acquisition=acquisition, image=event.image.but(image_id=image_id, page=number))


def upload(name: str, sha256: str, pages: int = 1) -> Upload:
    return Upload(name, STAMP, sha256, events(name, sha256, pages))


def test_notes_are_kept_by_name_and_by_feed(journals: SqliteJournal, journal: FeedJournal) -> None:
    journal.write([note("a", FileState.SEEN), note("é'\"%", FileState.FAILED, "no pages")])
    assert journal.notes(["a", "é'\"%", "absent"]) == {
        "a": note("a", FileState.SEEN),
        "é'\"%": note("é'\"%", FileState.FAILED, "no pages"),
    }
    assert journal.names(FileState.SEEN) == ["a"]
    assert journals.of(FeedId("/test", "sem.replay.images", "/data")).notes(["a"]) == {}
    assert journals.of(FEED).notes(["a"]) != {}


def test_more_names_than_a_statement_has_variables_are_one_question(journal: FeedJournal) -> None:
    names = [str(number) for number in range(40_000)]
    journal.write([note(name, FileState.SEEN) for name in names])
    assert len(journal.notes(names)) == 40_000


def test_an_upload_waits_with_its_events_until_they_are_published(journal: FeedJournal) -> None:
    journal.uploaded([upload("a", A, pages=2), upload("b", B)])
    assert journal.notes(["a"])["a"] == FileNote("a", STAMP, FileState.UPLOADED, sha256=A)
    waiting = journal.pending(limit=10)
    assert [(p.topic, p.event) for p in waiting] == [("sem.images", e) for e in (*events("a", A, 2), *events("b", B))]
    assert journal.pending(limit=1) == waiting[:1]
    journal.published(waiting[:1])
    assert journal.names(FileState.UPLOADED) == ["a", "b"]
    journal.published(waiting[1:])
    assert journal.names(FileState.PUBLISHED) == ["a", "b"]
    assert journal.pending(limit=10) == []
    assert journal.acquisitions("a", A) == {n: e.acquisition.acquisition_id for n, e in enumerate(events("a", A, 2))}
    assert journal.acquisitions("a", B) == {}


def test_the_second_frame_of_an_upload_is_noted_with_it_or_not_at_all(
    journal: FeedJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = replace(upload("a", A), sha256=content_of(A, B), second=note("a_f2", FileState.SECOND))
    with monkeypatch.context() as patch, pytest.raises(sqlite3.ProgrammingError):
        patch.setattr(journal, "_acquisition", lambda upload, event: ())
        journal.uploaded([pair])
    assert journal.notes(["a", "a_f2"]) == {}
    journal.uploaded([upload("a", A)])
    journal.uploaded([pair])
    assert journal.notes(["a_f2"]) == {"a_f2": note("a_f2", FileState.SECOND)}
    assert len(journal.pending(limit=10)) == 2
    journal.published(journal.pending(limit=10))
    assert (journal.names(FileState.PUBLISHED), journal.names(FileState.SECOND)) == (["a"], ["a_f2"])
    assert journal.acquisitions("a", content_of(A, B)).keys() == {0}


def test_a_content_that_is_known_is_not_published_again(journal: FeedJournal) -> None:
    for sha256 in (A, B, A):
        journal.uploaded([upload("a", sha256)])
        journal.published(journal.pending(limit=10))
    journal.uploaded([Upload("a", Stamp(4, 4), A, ())])
    assert journal.pending(limit=10) == []
    assert journal.notes(["a"])["a"] == FileNote("a", Stamp(4, 4), FileState.PUBLISHED, sha256=A)


def test_events_of_a_content_that_was_replaced_before_they_left_still_come_first(journal: FeedJournal) -> None:
    journal.uploaded([upload("a", A)])
    journal.uploaded([upload("a", B)])
    first, second = journal.pending(limit=10)
    assert (first.event, second.event) == (*events("a", A), *events("a", B))
    journal.published([first])
    assert journal.names(FileState.UPLOADED) == ["a"]


def test_events_of_another_feed_are_delivered_too(journals: SqliteJournal, journal: FeedJournal) -> None:
    journals.of(FeedId("/other", "sem.replay.images", "/other")).uploaded([upload("a", A)])
    (pending,) = journal.pending(limit=10)
    assert pending.topic == "sem.replay.images"


def test_what_is_forgotten_is_as_before_it_was_seen(journal: FeedJournal) -> None:
    journal.uploaded([upload("a", A)])
    journal.published(journal.pending(limit=10))
    journal.write([note("a", FileState.SEEN), note("b", FileState.SEEN), note("c", FileState.FAILED)])
    journal.forget(["a", "b", "c"])
    states = {name: found.state for name, found in journal.notes(["a", "b", "c"]).items()}
    assert states == {"a": FileState.PUBLISHED, "c": FileState.FAILED}


def test_the_content_that_was_uploaded_stays_known_whatever_comes_next(journal: FeedJournal) -> None:
    journal.uploaded([upload("a", A)])
    journal.write([note("a", FileState.SEEN)])
    assert journal.notes(["a"])["a"].sha256 == A


def test_all_or_nothing(journal: FeedJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Upload("b", STAMP, B, (*events("b", B), *events("b", B)))
    monkeypatch.setattr(journal, "_acquisition", lambda u, e: (None,) * 6 if u is broken else ())
    with pytest.raises(sqlite3.Error):
        journal.uploaded([Upload("a", STAMP, A, ()), broken])
    assert journal.notes(["a", "b"]) == {}


def test_a_journal_is_of_one_process_at_a_time_and_can_be_read_meanwhile(
    journals: SqliteJournal, journal: FeedJournal, path: Path
) -> None:
    with pytest.raises(UsageError, match="another semstream publish is using"):
        SqliteJournal(path, lambda: NOON)
    journal.uploaded([upload("a", A, pages=2)])
    journal.write([note("b", FileState.FAILED, "no pages"), note("c", FileState.SEEN)])
    journals.of(FeedId("/empty", "sem.images", "/empty"))
    feeds, setbacks = standing_of(path)
    assert [(feed.feed.folder, feed.pending_events) for feed in feeds] == [("/data", 2), ("/empty", 0)]
    assert feeds[0].files == {FileState.FAILED: 1, FileState.SEEN: 1, FileState.UPLOADED: 1}
    assert [(s.folder, s.name, s.state, s.reason, s.since) for s in setbacks] == [
        ("/data", "b", FileState.FAILED, "no pages", NOON)
    ]
    journals.close()
    SqliteJournal(path, lambda: NOON).close()


def test_what_is_no_journal_is_wrong_usage(path: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no journal"):
        standing_of(path)
    path.parent.mkdir()
    path.write_bytes(b"garbage" * 1000)
    for _ in range(2):
        with pytest.raises(UsageError, match="cannot be used as a journal"):
            SqliteJournal(path, lambda: NOON)
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(UsageError, match="of another version"):
        SqliteJournal(path, lambda: NOON)
    with pytest.raises(UsageError, match="cannot write to"):
        SqliteJournal(path / "below" / "publish.sqlite", lambda: NOON)


def test_a_full_disk_is_waited_for_and_nothing_of_the_call_is_kept(path: Path, journal: FeedJournal) -> None:
    journal.write([note("a", FileState.SEEN)])
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")
    many = [note(str(number), FileState.SEEN) for number in range(10_000)]
    with pytest.raises(TransientError, match="full"):
        journal.write(many)
    journal._connection.execute("PRAGMA max_page_count = 1000000")
    assert journal.names(FileState.SEEN) == ["a"]
    journal.write(many)
    assert len(journal.names(FileState.SEEN)) == 10_001


def test_a_journal_that_somebody_else_writes_is_waited_for(path: Path, journal: FeedJournal) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal._connection.execute("PRAGMA busy_timeout = 0")
    with pytest.raises(TransientError, match="locked"):
        journal.write([note("a", FileState.SEEN)])
    other.execute("ROLLBACK")
    other.close()
    journal.write([note("a", FileState.SEEN)])


def test_every_error_of_the_library_has_a_meaning(path: Path) -> None:
    path.parent.mkdir()
    connection = opened(path)
    meant = {
        sqlite3.OperationalError: OSError,
        sqlite3.DatabaseError: OSError,
        sqlite3.IntegrityError: sqlite3.IntegrityError,
        sqlite3.DataError: sqlite3.DataError,
        sqlite3.InternalError: sqlite3.InternalError,
        sqlite3.NotSupportedError: sqlite3.NotSupportedError,
        sqlite3.ProgrammingError: sqlite3.ProgrammingError,
    }
    assert set(meant) == {sqlite3.DatabaseError, *sqlite3.DatabaseError.__subclasses__()}
    for error, meaning in meant.items():
        with pytest.raises(meaning), transaction(connection):
            raise error("text")
        assert not connection.in_transaction
    connection.close()
