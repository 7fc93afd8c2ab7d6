"""What the agent remembers: which files it saw, what became of each, and which events are still to be published."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from schemas.events import ImageEvent


class FileState(StrEnum):
    """What became of a file."""

    SEEN = "seen"
    """Found; it is not at rest yet, or cannot be read yet."""
    UPLOADED = "uploaded"
    """Its bytes are in the store, verified; its events are to be published."""
    PUBLISHED = "published"
    SKIPPED = "skipped"
    """No image."""
    FAILED = "failed"
    """It calls itself an image and never became readable; tried again when it changes."""
    GONE = "gone"
    """It vanished before it was uploaded."""
    SECOND = "second"
    """The second frame of another file, with which it was answered."""


@dataclass(frozen=True)
class Stamp:
    """By what a change of a file is noticed without reading it."""

    size_bytes: int
    mtime_ns: int


def content_of(sha256: str, second: str | None) -> str:
    """Name the content of a file and of its second frame: without one it is the file's sha256."""
    return sha256 if second is None else f"{sha256}+{second}"


@dataclass(frozen=True)
class FileNote:
    """What is known of the file at a name. ``sha256`` is what was last uploaded from there, named by `content_of`."""

    name: str
    stamp: Stamp
    state: FileState
    reason: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Upload:
    """A file whose bytes are in the store, and the events of its pages, which are to be published.

    ``second`` is to be noted of its second frame.
    """

    name: str
    stamp: Stamp
    sha256: str
    events: tuple[ImageEvent, ...]
    second: FileNote | None = None


@dataclass(frozen=True)
class Pending:
    """An event that is to be published, and to which topic; ``key`` is the journal's own."""

    key: int
    topic: str
    event: ImageEvent


@dataclass(frozen=True)
class FeedId:
    """One feed: where its files come from and which topic they go to. Each has its own notes in the journal."""

    source: str
    topic: str
    folder: str


@dataclass(frozen=True)
class FeedStanding:
    """How a feed stands: files by state, and events that are to be published."""

    feed: FeedId
    files: Mapping[FileState, int]
    pending_events: int


@dataclass(frozen=True)
class Setback:
    """A file that failed or vanished, when and why."""

    folder: str
    name: str
    state: FileState
    reason: str
    since: datetime


class Journal(Protocol):
    """The notes of one feed. Every call is durable when it returns, all or nothing; raises `TransientError`."""

    def notes(self, names: Collection[str]) -> dict[str, FileNote]:
        """Return what is known of the files at these names."""

    def names(self, state: FileState) -> list[str]:
        """Return the names of the files in a state."""

    def write(self, notes: Sequence[FileNote]) -> None:
        """Write down states; the content that was last uploaded from a name stays known."""

    def forget(self, names: Collection[str]) -> None:
        """Wait for these files no longer: nothing is known of them, or what was uploaded from there before."""

    def acquisitions(self, name: str, sha256: str) -> dict[int, str]:
        """Return the acquisitions that a content at a name became, by page."""

    def uploaded(self, uploads: Sequence[Upload]) -> None:
        """Write down uploads with their events; an acquisition that is known already is not published again."""

    def pending(self, *, limit: int) -> list[Pending]:
        """Return events that are to be published, oldest first, of whatever feed: an earlier life left them."""

    def published(self, events: Sequence[Pending]) -> None:
        """Write down that the brokers have these events."""
