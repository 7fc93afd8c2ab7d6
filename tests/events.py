"""Events for tests: whole, valid, and small."""

from datetime import UTC, datetime

from schemas.events import IMAGE_EVENT_TYPE, ImageEvent
from schemas.headers import Headers
from schemas.image import Acquisition, Image, ObjectRef, Roi, acquisition_id_of, image_id_of

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def object_ref(sha256: str = "ab" * 32, *, size_bytes: int = 3, folder: str = "raw/sim-1") -> ObjectRef:
    """Return a reference that is well-formed."""
    key = f"{folder}/{sha256[:2]}/{sha256}.tif"
    return ObjectRef(store="folder", bucket="sem", key=key, size_bytes=size_bytes, sha256=sha256)


def image_event(ref: ObjectRef | None = None, *, name: str = "a.tif", width: int = 32, height: int = 32) -> ImageEvent:
    """Return an event as a feed publishes it."""
    stored = ref or object_ref()
    image_id = image_id_of(stored.sha256, 0)
    return ImageEvent(
        acquisition=Acquisition(
            acquisition_id=acquisition_id_of("/test", name, image_id),
            source="/test",
            source_name=name,
            published_at=NOON,
        ),
        image=Image(
            image_id=image_id,
            version="v1",
            object=stored,
            page=0,
            page_count=1,
            format="tiff",
            reader="semstream-1",
            width=width,
            height=height,
            dtype="uint8",
            valid_roi=Roi(x=0, y=0, width=width, height=height),
        ),
    )


def headers_of(event: ImageEvent, *, attempt: int = 1) -> Headers:
    """Return the headers that a feed gives the event."""
    identity = event.acquisition.acquisition_id
    return Headers(identity, IMAGE_EVENT_TYPE, "/test", event.image.image_id, NOON, attempt=attempt)
