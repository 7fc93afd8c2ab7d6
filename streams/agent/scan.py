"""Watching a folder by looking at it again and again: no notification reaches everybody on a network share.

A look costs little also where 100,000 files lie: folders are listed when their modification time changes, a listing
asks for the attributes of new names only, and of the files that are known some take their turn at every look.
"""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from streams.agent.journal import Stamp
from streams.agent.place import Kind, Known, Place, kind_of
from streams.agent.turns import Turns
from streams.formats.sniff import IMAGE_SUFFIXES
from streams.source import Skipped, readable

FILES_A_LOOK, FOLDERS_A_LOOK, RECENT = 500, 500, 100


@dataclass(frozen=True)
class Sighting:
    """A file as a look found it. ``siblings`` are the images beside it whose sidecar it may be.

    ``second`` is the file with another frame of its field, where `streams.agent.pairs` has found one.
    """

    name: str
    path: Path
    stamp: Stamp
    inode: int
    siblings: tuple[str, ...] = ()
    second: "Sighting | None" = None

    @property
    def frames(self) -> "tuple[Sighting, ...]":
        """Itself, and its second frame."""
        return (self,) if self.second is None else (self, self.second)

    @property
    def alone(self) -> "Sighting":
        """Itself, without its second frame."""
        return replace(self, second=None)

    def is_as(self, other: "Sighting") -> bool:
        """Whether it and its second frame are the files of another sighting, and have not changed."""
        stands = [(file.name, file.stamp) for file in self.frames]
        return stands == [(file.name, file.stamp) for file in other.frames]


@dataclass
class Changes:
    """What a look found changed: files that are new or of another stamp, names left alone, names that are gone."""

    found: list[Sighting] = field(default_factory=list)
    left_alone: list[Skipped] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    closed: list[Skipped] = field(default_factory=list)
    """Folders and files that cannot be looked at now."""


class FolderScan:
    """Looks at a folder; remembers what it saw. Never writes there, follows no link."""

    def __init__(self, folder: Path, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._places: dict[Path, Place] = {}
        self._folder_turns: Turns[Path] = Turns(at_once=FOLDERS_A_LOOK, recent=RECENT)
        self._file_turns: Turns[tuple[Path, str]] = Turns(at_once=FILES_A_LOOK, recent=RECENT)
        self._add(folder, "")

    def look(self) -> Changes:
        """Return what changed since the last look; the first one finds everything."""
        changes = Changes()
        for folder, raw in self._file_turns.some(self._is_known):
            self._look_again(self._places[folder], raw, changes)
        due = self._folder_turns.some(self._places.__contains__)
        while due:
            place = self._places.get(due.pop())
            due += self._look_into(place, changes) if place else []
        found = {sighting.name: sighting for sighting in changes.found}
        changes.found = [found[name] for name in sorted(found)]
        return changes

    def _add(self, folder: Path, prefix: str) -> list[Path]:
        """Take a folder in; nothing is told of hidden ones."""
        if folder.name.startswith(".") and prefix:
            return []
        self._places.setdefault(folder, Place(folder, prefix))
        self._folder_turns.add(folder)
        return [folder]

    def _is_known(self, file: tuple[Path, str]) -> bool:
        place = self._places.get(file[0])
        return place is not None and file[1] in place.known

    def _look_again(self, place: Place, raw: str, changes: Changes) -> None:
        before, path = place.known[raw], place.path / raw
        try:
            stamp = stamp_of(path.lstat())
        except OSError:  # gone or locked: the next listing tells, or whoever reads it
            return
        if stamp != before.stamp:
            place.known[raw] = Known(Kind.FILE, before.inode, stamp)
            self._file_turns.changed((place.path, raw))
            changes.found.append(Sighting(place.name_of(raw), path, stamp, before.inode))

    def _look_into(self, place: Place, changes: Changes) -> list[Path]:
        """List a folder where that is due; return the folders in it."""
        try:
            present = place.listed(self._clock())
        except OSError as error:
            changes.closed.append(Skipped(place.name, f"cannot be listed: {error.strerror}"))
            return []
        if present is None:
            return []
        fresh = [present[raw] for raw in place.unlike(present)]
        other = [entry.name for entry in fresh if place.is_known_as_another_kind(entry)]
        for raw in [*(place.known.keys() - present.keys()), *other]:
            self._drop(place, raw, changes)
        if fresh:
            self._folder_turns.changed(place.path)
        return [path for entry in fresh for path in self._take(place, entry, present, changes)]

    def _take(self, place: Place, entry: "os.DirEntry[str]", names: Collection[str], changes: Changes) -> list[Path]:
        """Note what is new at a name; return the folder to look into, where it is one."""
        name, path = place.name_of(entry.name), place.path / entry.name
        place.known[entry.name] = Known(kind_of(entry), entry.inode())
        if kind_of(entry) is Kind.FOLDER:
            return self._add(path, f"{name}/")
        if reason := _reason_to_leave(entry):
            changes.left_alone.append(Skipped(name, reason))
            return []
        try:
            stamp = stamp_of(path.lstat())
        except OSError as error:  # it is new again at the next listing
            del place.known[entry.name]
            if not isinstance(error, FileNotFoundError):
                changes.closed.append(Skipped(name, f"cannot be read: {error.strerror}"))
            return []
        place.known[entry.name] = Known(Kind.FILE, entry.inode(), stamp)
        self._file_turns.add((place.path, entry.name))
        changes.found.append(Sighting(name, path, stamp, entry.inode(), _beside(entry.name, names)))
        return []

    def _drop(self, place: Place, raw: str, changes: Changes) -> None:
        """Note that a name is gone, with all that was below it."""
        del place.known[raw]
        changes.gone.append(place.name_of(raw))
        if inner := self._places.pop(place.path / raw, None):
            for name in list(inner.known):
                self._drop(inner, name, changes)


def sighting_of(path: Path) -> Sighting:
    """Look at one file, named by its last part; raises `OSError`."""
    stat = path.lstat()
    return Sighting(readable(path.name), path, stamp_of(stat), stat.st_ino)


def _reason_to_leave(entry: "os.DirEntry[str]") -> str | None:
    """Why a name is left alone, in the words of `streams.source`."""
    if entry.name.startswith(".") and not entry.is_symlink():
        return "a hidden file, or a macOS resource fork"
    return {Kind.LINK: "a symbolic link", Kind.OTHER: "no regular file"}.get(kind_of(entry))


def stamp_of(stat: os.stat_result) -> Stamp:
    """Return the stamp of what `os.stat` tells."""
    return Stamp(stat.st_size, stat.st_mtime_ns)


def _beside(raw: str, names: Collection[str]) -> tuple[str, ...]:
    """Images of the same stem, for a file that is none by its name: with so many files no index of stems is kept."""
    path = PurePosixPath(raw)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ()
    suffixes = ("", *IMAGE_SUFFIXES, *(suffix.upper() for suffix in IMAGE_SUFFIXES))
    return tuple(path.stem + suffix for suffix in suffixes if path.stem + suffix in names)
