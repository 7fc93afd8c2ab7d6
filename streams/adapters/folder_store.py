"""An object store in a folder."""

import hashlib
import os
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from schemas.image import ObjectRef
from streams.adapters.content import altered, foreign, gone, is_content_of, reference
from streams.errors import TransientError
from streams.ports import StoredObject
from streams.whole_file import write_whole

STORE = "folder"
BUCKET = "sem"
PUBLISH = "run again, with --retry-failed, where the image is"
REFRESH_AFTER_S = 86_400
"""A file older than this is made young when somebody relies on it anew, so that `streams.eviction` spares it."""


class FolderStore:
    """Objects as files below a folder. A file appears whole or not at all, by renaming.

    It survives the end of the process at any moment. After a power cut a file may be incomplete: reads check size and
    sha256, and `vanished` names what must be made again.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, data: bytes, *, folder: str, suffix: str, media_type: str) -> ObjectRef:
        """Write unless the file is there already."""
        ref = reference(data, store=STORE, bucket=BUCKET, folder=folder, suffix=suffix, media_type=media_type)
        if not self._may_rely_on(ref):
            write_whole(self._path(ref), data)
        return ref

    def get(self, ref: ObjectRef) -> bytes:
        """Read the file and check it."""
        try:
            data = self._path(ref).read_bytes()
        except FileNotFoundError as error:
            raise gone(ref, publish=PUBLISH) from error
        except OSError as error:
            raise TransientError(f"cannot read object {ref.key}: {error.strerror}") from error
        if not is_content_of(ref, data):
            self._drop_altered(ref, data)
            raise altered(ref, publish=PUBLISH)
        return data

    def vanished(self, refs: Iterable[ObjectRef]) -> list[ObjectRef]:
        """Return those whose file is absent or of another size."""
        return [ref for ref in refs if self._size(ref) != ref.size_bytes]

    def objects(self, folder: str) -> Iterator[StoredObject]:
        """List the files below a folder."""
        for path in sorted((self._root / folder).rglob("*")):
            if path.is_file() and path.suffix != ".part":
                found = path.stat()
                modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
                yield StoredObject(path.relative_to(self._root).as_posix(), found.st_size, modified_at)

    def delete(self, keys: Collection[str]) -> None:
        """Remove files."""
        for key in keys:
            (self._root / key).unlink(missing_ok=True)

    def drop_unfinished(self, *, before: datetime) -> int:
        """Remove what writers that were killed have left."""
        left = [path for path in self._root.rglob(".*.part") if path.stat().st_mtime < before.timestamp()]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _may_rely_on(self, ref: ObjectRef) -> bool:
        """Whether the file is there; one that is old is made young."""
        path = self._path(ref)
        try:
            found = path.stat()
            if found.st_size == ref.size_bytes and time.time() - found.st_mtime > REFRESH_AFTER_S:
                os.utime(path)
        except FileNotFoundError:
            return False
        return found.st_size == ref.size_bytes

    def _drop_altered(self, ref: ObjectRef, data: bytes) -> None:
        """Remove a file whose content is not what its name says, so that it counts as vanished and is made again."""
        if hashlib.sha256(data).hexdigest() not in ref.key:
            with suppress(OSError):
                self._path(ref).unlink()

    def _path(self, ref: ObjectRef) -> Path:
        if ref.store != STORE or ref.bucket != BUCKET:
            raise foreign(ref)
        return self._root / ref.key

    def _size(self, ref: ObjectRef) -> int | None:
        try:
            return self._path(ref).stat().st_size
        except FileNotFoundError:
            return None
