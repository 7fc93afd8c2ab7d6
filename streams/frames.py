"""The frames of an event: fetched, checked, decoded, and remembered for the next stage on this node."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Protocol

from schemas.events import ImageEvent
from schemas.frame import Frame
from schemas.image import Image, ObjectRef, Roi
from schemas.scores import RAW
from stages.second_frame import SECOND
from streams import pixels
from streams.ports import ObjectStore

REFERENCE = "reference"


class ImageDecoder(Protocol):
    """Reads instrument files, whatever is in them."""

    def specimen(self, data: bytes, *, page: int, roi: Roi, bits: int | None = None) -> Frame:
        """Return the specimen of a page, 16-bit levels by the bits if given; raises `InvalidImage`."""


class Frames:
    """Frames by name, through a bounded memory of those used last (``max_bytes`` of pixels)."""

    def __init__(self, store: ObjectStore, decoder: ImageDecoder, *, max_bytes: int = 256 << 20) -> None:
        self._store = store
        self._decoder = decoder
        self._max_bytes = max_bytes
        self._bytes = 0
        self._memory: OrderedDict[str, Frame] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, event: ImageEvent, names: Iterable[str]) -> dict[str, Frame]:
        """Return the named frames of an event; raises `InvalidImage` where one cannot be had."""
        return {name: self._frame(event, name) for name in names}

    def keep(self, frame: Frame) -> ObjectRef:
        """Store a candidate's frame and remember it as it will be read back."""
        data, rounded = pixels.encode(frame)
        ref = self._store.put(data, folder="candidates", suffix=pixels.SUFFIX, media_type=pixels.MEDIA_TYPE)
        self._remember(ref.sha256, rounded)
        return ref

    def _frame(self, event: ImageEvent, name: str) -> Frame:
        image = event.image
        if name == RAW:
            # What its event says, not what this file shows: a frame is read on one scale wherever it is read.
            return self._specimen(image, image.object, image.page, bits=image.effective_bits)
        if name == REFERENCE and image.reference is not None:
            return self._specimen(image, image.reference, 0)
        if name == SECOND and image.second is not None:
            return self._specimen(image, image.second, image.page, bits=image.effective_bits)
        ref = event.candidate(name).object
        if ref is None:
            raise KeyError(f"candidate '{name}' of image {image.image_id} has no pixels of its own")
        return self._recalled(ref.sha256) or self._remember(ref.sha256, pixels.decode(self._store.get(ref)))

    def _specimen(self, image: Image, ref: ObjectRef, page: int, *, bits: int | None = None) -> Frame:
        roi = image.valid_roi
        key = f"{ref.sha256}-{page}-{roi.x},{roi.y},{roi.width},{roi.height}-{bits}"
        found = self._recalled(key)
        if found is not None:
            return found
        return self._remember(key, self._decoder.specimen(self._store.get(ref), page=page, roi=roi, bits=bits))

    def _recalled(self, key: str) -> Frame | None:
        with self._lock:
            frame = self._memory.get(key)
            if frame is not None:
                self._memory.move_to_end(key)
            return frame

    def _remember(self, key: str, frame: Frame) -> Frame:
        with self._lock:
            if key not in self._memory:
                self._memory[key] = frame
                self._bytes += frame.pixels.nbytes
            while self._bytes > self._max_bytes and len(self._memory) > 1:
                _, dropped = self._memory.popitem(last=False)
                self._bytes -= dropped.pixels.nbytes
        return frame
