"""An object store whose traffic is counted."""

from collections.abc import Iterable

from schemas.image import ObjectRef
from streams.ports import ObjectStore
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import STORE_OBJECT_BYTES

GET, PUT = "get", "put"


class MeteredStore:
    """Passes every call on, and counts objects and bytes of those that were answered."""

    def __init__(self, store: ObjectStore, telemetry: Telemetry) -> None:
        self._store = store
        self._telemetry = telemetry

    def put(self, data: bytes, *, folder: str, suffix: str, media_type: str) -> ObjectRef:
        """Put."""
        ref = self._store.put(data, folder=folder, suffix=suffix, media_type=media_type)
        self._telemetry.observe(STORE_OBJECT_BYTES, len(data), PUT)
        return ref

    def get(self, ref: ObjectRef) -> bytes:
        """Get."""
        data = self._store.get(ref)
        self._telemetry.observe(STORE_OBJECT_BYTES, len(data), GET)
        return data

    def vanished(self, refs: Iterable[ObjectRef]) -> list[ObjectRef]:
        """Return what the store says."""
        return self._store.vanished(refs)
