"""An object store whose traffic is counted."""

from collections.abc import Iterable

from schemas.image import ObjectRef
from streams.ports import ObjectStore
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import STORE_BYTES, STORE_CALLS

GET, PUT = "get", "put"


class MeteredStore:
    """Passes every call on, and counts objects and bytes of those that were answered."""

    def __init__(self, store: ObjectStore, telemetry: Telemetry) -> None:
        self._store = store
        self._telemetry = telemetry

    def put(self, data: bytes, *, folder: str, suffix: str, media_type: str) -> ObjectRef:
        """Put."""
        ref = self._store.put(data, folder=folder, suffix=suffix, media_type=media_type)
        self._count(PUT, len(data))
        return ref

    def get(self, ref: ObjectRef) -> bytes:
        """Get."""
        data = self._store.get(ref)
        self._count(GET, len(data))
        return data

    def vanished(self, refs: Iterable[ObjectRef]) -> list[ObjectRef]:
        """Return what the store says."""
        return self._store.vanished(refs)

    def _count(self, call: str, size_bytes: int) -> None:
        self._telemetry.count(STORE_CALLS, call)
        self._telemetry.count(STORE_BYTES, call, by=size_bytes)
