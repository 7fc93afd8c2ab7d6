"""What a feed takes in: files of a folder, or images that an instrument makes as it goes."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import ClassVar

from streams.errors import UsageError
from streams.formats.sniff import IMAGE_SUFFIXES


@dataclass(frozen=True)
class SourceFile:
    """A file to come: its name in the source, how to read it, and its clean truth where one is known.

    ``read`` takes the number of bytes wanted, -1 for all. ``siblings`` are the names beside it.
    """

    name: str
    read: Callable[[int], bytes]
    siblings: tuple[str, ...] = ()
    reference: bytes | None = None

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


def folder_files(folder: Path, *, leave_out: Path | None = None) -> Iterator[SourceFile | Skipped]:
    """Yield the files below a folder in the order of their names; never writes there.

    Symbolic links and hidden files are skipped, so that nothing is read twice or from elsewhere.

    Raises
    ------
    UsageError
        If it is no folder, or cannot be listed.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; give the folder that holds the images")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise UsageError(f"{folder} cannot be read; check its permissions")
    return _walk(folder, leave_out.resolve() if leave_out else None)


def _walk(folder: Path, leave_out: Path | None) -> Iterator[SourceFile | Skipped]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and Path(place, f).resolve() != leave_out)
        for name in sorted(names):
            path = Path(place, name)
            relative = _readable(path.relative_to(folder).as_posix())
            if path.is_symlink():
                yield Skipped(relative, "a symbolic link")
            elif name.startswith("."):
                yield Skipped(relative, "a hidden file, or a macOS resource fork")
            elif not path.is_file():
                yield Skipped(relative, "no regular file")
            else:
                yield SourceFile(relative, partial(_read, path), siblings=tuple(names))


def first(data: bytes, size: int) -> bytes:
    """Return so many bytes of a file that is in memory, all for -1: the ``read`` of a `SourceFile`."""
    return data if size < 0 else data[:size]


def _readable(name: str) -> str:
    """Return a name as UTF-8 can carry it; bytes that are none appear as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _read(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)
