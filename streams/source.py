"""What a feed takes in: files of a folder, or images that an instrument makes as it goes."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import ClassVar

from streams.errors import UsageError
from streams.formats.limits import DEFAULT_LIMITS
from streams.formats.sidecar import MAX_BYTES, may_be_sidecar
from streams.formats.sniff import IMAGE_SUFFIXES
from streams.pairing import seconds_of

STATE = ".semstream"
"""Within an embedded run's results the folder of what the run knows: what lies beside it is no image to restore."""
LEDGER_FILE = "ledger.sqlite"
"""Within `STATE`."""
EVENTS = "events.jsonl"
"""Within an embedded run's results, what is known of each of its images."""


@dataclass(frozen=True)
class SourceFile:
    """A file to come: its name in the source, how to read it, and its clean truth where one is known.

    ``second`` is a file with another frame of the same field, page by page.
    ``read`` takes the number of bytes wanted, -1 for all; it raises `OSError`, or `InvalidImage` for too large a file.
    ``siblings`` are the names beside it that differ in the suffix only; ``sidecars`` reads those that may tell of it.
    """

    name: str
    read: Callable[[int], bytes]
    siblings: tuple[str, ...] = ()
    reference: bytes | None = None
    sidecars: Callable[[], Iterable[bytes]] = tuple
    second: "SourceFile | None" = None

    @property
    def looks_like_an_image(self) -> bool:
        """Whether its name does; its first bytes decide."""
        return PurePosixPath(self.name).suffix.lower() in IMAGE_SUFFIXES


@dataclass(frozen=True)
class Skipped:
    """A file that is no image, and why it was left alone."""

    name: str
    reason: str
    looks_like_an_image: ClassVar[bool] = False


def folder_files(
    folder: Path, *, leave_out: Path | None = None, second_suffix: str | None = None
) -> Iterator[SourceFile | Skipped]:
    """Yield the files below a folder in the order of their names; never writes there.

    Symbolic links, hidden files and what we wrote are skipped, so that nothing is read twice or from elsewhere. With a
    ``second_suffix`` of ``_f2`` the file ``NAME_f2.tif`` beside ``NAME.tif`` is the second frame of that, and no file
    of its own; ``NAME_F2.TIF`` is one as well where there is none of exactly that name.

    Raises
    ------
    UsageError
        If it is no folder, or cannot be listed.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; give the folder that holds the images")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise UsageError(f"{folder} cannot be read; check its permissions")
    files = _walk(folder, leave_out.resolve() if leave_out else None)
    return _paired(list(files), second_suffix) if second_suffix else files


def _paired(files: Sequence[SourceFile | Skipped], suffix: str) -> Iterator[SourceFile | Skipped]:
    """Yield the files, those that are the second frame of another one with that."""
    known = {file.name: file for file in files if isinstance(file, SourceFile)}
    seconds = seconds_of(known, suffix)
    belong = set(seconds.values())
    for file in files:
        if isinstance(file, SourceFile) and file.name in seconds:
            yield replace(file, second=known[seconds[file.name]])
        elif file.name not in belong:
            yield file


def _walk(folder: Path, leave_out: Path | None) -> Iterator[SourceFile | Skipped]:
    unlisted: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=unlisted.append):
        yield from (_unlisted(folder, unlisted.pop()) for _ in list(unlisted))
        inner = sorted(f for f in folders if not f.startswith(".") and Path(place, f).resolve() != leave_out)
        why_not = {name: why for name in inner if (why := _why_left_out(Path(place, name))) is not None}
        folders[:] = [name for name in inner if name not in why_not]
        for name, why in why_not.items():
            yield Skipped(_relative(Path(place, name), folder), why)
        beside = _by_stem(names)
        for name in sorted(names):
            yield _file(Path(place, name), folder, beside)
    yield from (_unlisted(folder, error) for error in unlisted)


def _why_left_out(folder: Path) -> str | None:
    if folder.is_symlink():
        return "a symbolic link"
    return "written by semstream" if (folder / STATE).exists() else None


def _file(path: Path, folder: Path, beside: Mapping[str, tuple[str, ...]]) -> SourceFile | Skipped:
    relative = _relative(path, folder)
    if path.is_symlink():
        return Skipped(relative, "a symbolic link")
    if path.name.startswith("."):
        return Skipped(relative, "a hidden file, or a macOS resource fork")
    if not path.is_file():
        return Skipped(relative, "no regular file")
    siblings = beside[path.stem.lower()]
    return SourceFile(relative, partial(_read, path), siblings, sidecars=partial(sidecars_of, path, siblings))


def _by_stem(names: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Names in lower case, with and without suffix, and who bears them: a folder may hold 100,000 files."""
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        for word in {name.lower(), PurePosixPath(name).stem.lower()}:
            found[word] = (*found.get(word, ()), name)
    return found


def _unlisted(folder: Path, error: OSError) -> SourceFile:
    """Stand for a folder that cannot be listed, so that the images in it are missed."""

    def read(_: int) -> bytes:
        raise error

    return SourceFile(_relative(Path(error.filename), folder), read)


def first(data: bytes, size: int) -> bytes:
    """Return so many bytes of a file that is in memory, all for -1: the ``read`` of a `SourceFile`."""
    return data if size < 0 else data[:size]


def readable(name: str) -> str:
    """Return a file's name as UTF-8 can carry it; bytes that are none appear as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _relative(path: Path, folder: Path) -> str:
    return readable(path.relative_to(folder).as_posix())


def sidecars_of(path: Path, siblings: Iterable[str]) -> Iterator[bytes]:
    """Read, when asked, what may tell of an image: of the names beside it, those that are there."""
    for name in sorted(siblings):
        beside = path.with_name(name)
        if may_be_sidecar(name) and beside != path and beside.is_file() and not beside.is_symlink():
            yield _beginning(beside)


def _beginning(path: Path) -> bytes:
    """Read a sidecar; it only informs, so one that cannot be read is as one that is not there."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError:
        return b""


def _read(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        if size < 0:
            DEFAULT_LIMITS.check_file(os.fstat(file.fileno()).st_size)
        return file.read(size)
