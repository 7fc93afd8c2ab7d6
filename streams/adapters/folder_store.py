"""An object store in a folder."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from schemas.image import ObjectRef
from streams.errors import InvalidImage, TransientError
from streams.whole_file import write_whole

STORE = "folder"
BUCKET = "sem"


class FolderStore:
    """Objects as files below a folder. A file appears whole or not at all, by renaming.

    It survives the end of the process at any moment. After a power cut a file may be incomplete: reads check size and
    sha256, and `vanished` names what must be made again.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, data: bytes, *, folder: str, suffix: str, media_type: str) -> ObjectRef:
        """Write unless the file is there already."""
        sha256 = hashlib.sha256(data).hexdigest()
        key = f"{folder}/{sha256[:2]}/{sha256}{suffix}"
        ref = ObjectRef.model_construct(
            store=STORE, bucket=BUCKET, key=key, size_bytes=len(data), sha256=sha256, media_type=media_type
        )
        if self._size(ref) != len(data):
            write_whole(self._path(ref), data)
        return ref

    def get(self, ref: ObjectRef) -> bytes:
        """Read the file and check it."""
        try:
            data = self._path(ref).read_bytes()
        except FileNotFoundError as error:
            raise InvalidImage(f"object {ref.key} is gone from the store; publish the image again") from error
        except OSError as error:
            raise TransientError(f"cannot read object {ref.key}: {error.strerror}") from error
        if len(data) != ref.size_bytes or hashlib.sha256(data).hexdigest() != ref.sha256:
            self._drop_altered(ref, data)
            raise InvalidImage(f"object {ref.key} does not have the size and sha256 that its reference says")
        return data

    def vanished(self, refs: Iterable[ObjectRef]) -> list[ObjectRef]:
        """Return those whose file is absent or of another size."""
        return [ref for ref in refs if self._size(ref) != ref.size_bytes]

    def _drop_altered(self, ref: ObjectRef, data: bytes) -> None:
        """Remove a file whose content is not what its name says, so that it counts as vanished and is made again."""
        if hashlib.sha256(data).hexdigest() not in ref.key:
            with suppress(OSError):
                self._path(ref).unlink()

    def _path(self, ref: ObjectRef) -> Path:
        if ref.store != STORE or ref.bucket != BUCKET:
            raise InvalidImage(f"store '{ref.store}' with bucket '{ref.bucket}' is not configured here")
        return self._root / ref.key

    def _size(self, ref: ObjectRef) -> int | None:
        try:
            return self._path(ref).stat().st_size
        except FileNotFoundError:
            return None
