"""A small disk of its own for a worker's folder, which can be filled to the last byte."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path

CHUNKS = (1 << 20, 1 << 12, 1)


@dataclass(frozen=True)
class Disk:
    """A folder; ``own`` says whether it is a disk of its own, which alone may be filled."""

    folder: Path
    own: bool

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """Leave no byte."""
        with self._filler.open("wb", buffering=0) as filler:
            for chunk in CHUNKS:
                _write_until_full(filler.fileno(), bytes(chunk))

    def free(self) -> None:
        """Give back what `fill` took."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Disk]:
    """Mount a disk in memory where that is permitted; a plain folder where it is not."""
    folder.mkdir(parents=True)
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    options = ("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    own = bool(mount and unmount) and _succeeds(str(mount), *options)
    try:
        yield Disk(folder, own)
    finally:
        if own:
            _succeeds(str(unmount), "--lazy", str(folder))


def _succeeds(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0  # noqa: S603 - programs named above


def _write_until_full(file: int, chunk: bytes) -> None:
    try:
        while True:
            os.write(file, chunk)
    except OSError as error:
        if error.errno != ENOSPC:
            raise
