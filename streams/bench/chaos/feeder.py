"""The instrument: writes images into the watched folder at a steady pace, so many as it was told to."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.image import acquisition_id_of, image_id_of
from streams.bench.small_images import small_images

INSTRUMENT = "chaos"
SOURCE = f"/feeds/{INSTRUMENT}"
TWIN_EVERY = 25
"""One image in so many has the content of the one before it: another acquisition, of the same image."""


@dataclass(frozen=True)
class Spool:
    """Files that wait to be written into the folder, in order, and what their acquisitions will be called."""

    files: tuple[Path, ...]
    acquisitions: tuple[str, ...]


def spooled(folder: Path, images: int) -> Spool:
    """Make the files."""
    folder.mkdir(parents=True)
    files, acquisitions, last = [], [], b""
    for number, (name, data) in enumerate(small_images(images)):
        content = last if number % TWIN_EVERY == TWIN_EVERY - 1 else data
        last = content
        files.append(folder / name)
        files[-1].write_bytes(content)
        image = image_id_of(hashlib.sha256(content).hexdigest(), 0)
        acquisitions.append(acquisition_id_of(SOURCE, name, image))
    return Spool(tuple(files), tuple(acquisitions))


class Feeder:
    """Moves files from the spool into the watched folder; a file appears there whole."""

    def __init__(self, spool: Spool, folder: Path, *, per_s: float) -> None:
        self._spool = spool
        self._folder = folder
        self._pause_s = 1 / per_s
        self._allowed = 0
        self._ended = threading.Event()
        self.written = 0

    def allow(self, images: int) -> None:
        """Let it write so many, counted from the beginning; it does so at its pace."""
        self._allowed = min(images, len(self._spool.files))

    def run(self) -> None:
        """Write until `end`."""
        while not self._ended.wait(self._pause_s):
            if self.written < self._allowed:
                file = self._spool.files[self.written]
                file.rename(self._folder / file.name)
                self.written += 1

    def end(self) -> None:
        """Write nothing any more."""
        self._ended.set()


@contextmanager
def feeding(spool: Spool, folder: Path, *, per_s: float) -> Iterator[Feeder]:
    """Run a feeder."""
    folder.mkdir(parents=True)
    feeder = Feeder(spool, folder, per_s=per_s)
    thread = threading.Thread(target=feeder.run, name="feeder", daemon=True)
    thread.start()
    try:
        yield feeder
    finally:
        feeder.end()
        thread.join()
