"""Copies of objects on the node's own disk, so that stages that run beside each other fetch each object once."""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from schemas.image import ObjectRef
from streams.adapters.content import is_content_of
from streams.ports import ObjectStore
from streams.whole_file import write_whole

PAUSE_S = 60.0
"""For so long nothing is asked of a disk that has failed."""
HEADROOM = 20
"""One part in so many of the cache is kept free: so much is written between two looks at the whole folder."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Entry:
    """A file of the cache."""

    used_at_ns: int
    size_bytes: int
    path: str


class NodeCache:
    """Reads and writes through to another store and keeps what passes, the last used ``max_bytes`` of it.

    Any number of processes may share the folder. Files appear whole and are checked at every read; who finds one wrong
    or gone asks the store. Each process looks at the whole folder after it has written a twentieth of ``max_bytes``,
    and removes what was used longest ago: with n of them the folder may hold (n - 1) / 20 more for a moment.
    No trouble with this disk ever fails an image: the cache leaves itself out for ``PAUSE_S`` and says so once.
    """

    def __init__(
        self, store: ObjectStore, folder: Path, *, max_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._folder = folder
        self._max_bytes = max_bytes
        self._clock = clock
        self._out_until = -float("inf")
        self._unlooked = max_bytes
        self._lock = threading.RLock()

    def put(self, data: bytes, *, folder: str, suffix: str, media_type: str) -> ObjectRef:
        """Put into the store, and keep a copy: the next stage on this node will ask for it."""
        ref = self._store.put(data, folder=folder, suffix=suffix, media_type=media_type)
        self._keep(ref, data)
        return ref

    def get(self, ref: ObjectRef) -> bytes:
        """Read the copy; where there is none that is whole, read from the store and keep it."""
        data = self._copy(ref)
        if data is None:
            data = self._store.get(ref)
            self._keep(ref, data)
        return data

    def vanished(self, refs: Iterable[ObjectRef]) -> list[ObjectRef]:
        """Return what the store says."""
        return self._store.vanished(refs)

    def _copy(self, ref: ObjectRef) -> bytes | None:
        path = self._path(ref)
        if self._is_out():
            return None
        try:
            data = path.read_bytes()
            if is_content_of(ref, data):
                os.utime(path)
                return data
            path.unlink()
        except FileNotFoundError:  # never kept, or removed by another process just now
            return None
        except OSError as error:
            self._leave_out(error)
            return None
        log.warning("node_cache_copy_altered", key=ref.key)
        return None

    def _keep(self, ref: ObjectRef, data: bytes) -> None:
        if len(data) > self._max_bytes or self._is_out():
            return
        with self._lock:  # one at a time, for room that is made for one file is not taken by another
            try:
                self._make_room(len(data))
                write_whole(self._path(ref), data)
            except FileNotFoundError:  # the unfinished file was removed by another process; the next reader tries again
                return
            except OSError as error:
                self._leave_out(error)

    def _make_room(self, size_bytes: int) -> None:
        """Count what is to be written, and look at the whole folder when the headroom is used up."""
        headroom = self._max_bytes // HEADROOM
        self._unlooked += size_bytes
        if self._unlooked > headroom:
            self._shrink(self._max_bytes - max(headroom, size_bytes))
            self._unlooked = size_bytes

    def _shrink(self, target_bytes: int) -> None:
        entries = sorted(self._entries(), key=lambda entry: entry.used_at_ns)
        total = sum(entry.size_bytes for entry in entries)
        for entry in entries:
            if total <= target_bytes:
                return
            Path(entry.path).unlink(missing_ok=True)
            total -= entry.size_bytes

    def _entries(self) -> Iterator[Entry]:
        """List every file, unfinished ones too; what others remove meanwhile is left out."""
        for shard in _scan(self._folder):
            for file in _scan(shard.path):
                try:
                    found = file.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield Entry(found.st_mtime_ns, found.st_size, file.path)

    def _path(self, ref: ObjectRef) -> Path:
        """Name the copy by the content and by the place it comes from.

        The place, because a copy must not answer for one that the store would refuse to read.
        """
        place = hashlib.sha256(f"{ref.store}/{ref.bucket}/{ref.key}".encode()).hexdigest()[:16]
        return self._folder / ref.sha256[:2] / f"{ref.sha256}-{place}"

    def _is_out(self) -> bool:
        return self._clock() < self._out_until

    def _leave_out(self, error: OSError) -> None:
        with self._lock:
            if self._is_out():  # another thread has said so
                return
            self._out_until = self._clock() + PAUSE_S
            self._unlooked = self._max_bytes
        log.warning("node_cache_left_out", folder=str(self._folder), reason=str(error), seconds=PAUSE_S)


def _scan(folder: Path | str) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
