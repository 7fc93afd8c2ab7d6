"""Events of images that exist in name only, as they are behind the first stages: with candidates."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

from schemas.events import IMAGE_EVENT_TYPE, ImageEvent
from schemas.headers import Headers
from schemas.image import Acquisition, Image, ObjectRef, Roi, acquisition_id_of
from schemas.model import digest
from schemas.scores import Candidate, Risk
from streams.transport import Outgoing

CANDIDATES = ("raw", "mean", "gaussian", "median", "unet")


def named_images(topic: str, *, source: str, images: str) -> Iterator[Outgoing]:
    """Yield events of such images without end; the same word names the same ``images``, whatever the source."""
    now = datetime.now(UTC)
    for number in count():
        event = _event(number, source=source, images=images, now=now)
        identity, image_id = event.acquisition.acquisition_id, event.image.image_id
        headers = Headers(identity, IMAGE_EVENT_TYPE, source, image_id, now)
        yield Outgoing(topic, image_id.encode(), event.to_json(), headers.to_wire())


def _event(number: int, *, source: str, images: str, now: datetime) -> ImageEvent:
    sha256 = digest([images, number]) * 2
    image_id = f"{sha256[:32]}-0"
    ref = ObjectRef(store="s3", bucket="sem", key=f"raw/bench/{sha256}.tif", size_bytes=262_144, sha256=sha256)
    image = Image(
        image_id=image_id,
        version="bench",
        object=ref,
        page=0,
        page_count=1,
        format="tiff",
        reader="bench",
        width=512,
        height=512,
        dtype="uint8",
        valid_roi=Roi(x=0, y=0, width=512, height=512),
    )
    name = f"{number:06d}.tif"
    acquisition = Acquisition(
        acquisition_id=acquisition_id_of(source, name, image_id), source=source, source_name=name, published_at=now
    )
    candidates = tuple(_candidate(name, ref) for name in CANDIDATES)
    return ImageEvent(acquisition=acquisition, image=image, candidates=candidates)


def _candidate(name: str, ref: ObjectRef) -> Candidate:
    risk = Risk(value=3.1e-4, se=1.2e-5, row_j=3.3e-4, blocks=(2.9e-4, 3.3e-4))
    return Candidate(name=name, stage="filter", method="bench", config_hash=digest(name), object=ref, risk=risk)
