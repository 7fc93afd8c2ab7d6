"""What a feed makes of a file: an object in the store, and an event for each of its pages."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from schemas.events import IMAGE_EVENT_TYPE, ImageEvent
from schemas.headers import Headers
from schemas.image import Acquisition, Image, ObjectRef, acquisition_id_of, image_id_of, version_of
from schemas.prior import Prior
from streams.formats.reading import Description
from streams.ports import ObjectStore
from streams.transport import Outgoing

SAFE_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


@dataclass(frozen=True)
class Provenance:
    """What somebody says of all images of a feed, and no file tells."""

    source: str
    """Where they come from; with the name in the source and the content it makes the acquisition's id."""
    instrument_id: str = "unknown"
    recipe: str | None = None
    prior: Prior | None = None
    bits: int | None = None
    """Those of the detector's levels in 16-bit files, which else each file is asked for."""


@dataclass(frozen=True)
class Intake:
    """Makes images of files."""

    store: ObjectStore
    topic: str
    provenance: Provenance
    now: Callable[[], datetime]

    def stored(self, data: bytes, name: str) -> ObjectRef:
        """Put the bytes of a file into the store; of its name only a harmless suffix gets into the key."""
        suffix = PurePosixPath(name).suffix
        safe = suffix.lower() if SAFE_SUFFIX.fullmatch(suffix) else ""
        folder = f"raw/{self.provenance.instrument_id}"
        return self.store.put(data, folder=folder, suffix=safe, media_type="application/octet-stream")

    def event(
        self,
        name: str,
        description: Description,
        number: int,
        ref: ObjectRef,
        *,
        reference: ObjectRef | None = None,
        second: ObjectRef | None = None,
        supersedes: str | None = None,
    ) -> ImageEvent:
        """Return the event of one page; ``supersedes`` is the acquisition of what stood at this name before."""
        image = self._image(description, number, ref, reference, second)
        source = self.provenance.source
        acquisition = Acquisition(
            acquisition_id=acquisition_id_of(source, name, image.image_id, second.sha256 if second else None),
            source=source,
            source_name=name,
            published_at=self.now(),
            supersedes=supersedes,
        )
        return ImageEvent(acquisition=acquisition, image=image)

    def _image(
        self,
        description: Description,
        number: int,
        ref: ObjectRef,
        reference: ObjectRef | None,
        second: ObjectRef | None,
    ) -> Image:
        page, about = description.pages[number], self.provenance
        return Image(
            image_id=image_id_of(ref.sha256, number),
            version=version_of(
                reader=description.reader,
                valid_roi=page.valid_roi,
                databar_source=page.databar_source,
                recipe=about.recipe,
                prior=about.prior.ref if about.prior else None,
                reference=reference.sha256 if reference else None,
                second=second.sha256 if second else None,
                bits=about.bits if page.dtype == "uint16" else None,
            ),
            object=ref,
            page=number,
            page_count=description.page_count,
            format=description.format,
            reader=description.reader,
            width=page.width,
            height=page.height,
            dtype=page.dtype,
            effective_bits=page.effective_bits,
            palette=page.palette,
            valid_roi=page.valid_roi,
            databar_mode=page.databar_mode,
            databar_source=page.databar_source,
            instrument_id=about.instrument_id,
            recipe=about.recipe,
            pixel_size_nm=page.pixel_size_nm,
            prior=about.prior.ref if about.prior else None,
            prior_law=about.prior,
            reference=reference,
            second=second,
        )


def message_of(event: ImageEvent, topic: str, value: bytes | None = None) -> Outgoing:
    """Return the message that publishes an image: the same event makes the same message, to the byte."""
    headers = Headers(
        id=event.acquisition.acquisition_id,
        type=IMAGE_EVENT_TYPE,
        source=event.acquisition.source,
        subject=event.image.image_id,
        time=event.acquisition.published_at,
    )
    return Outgoing(topic, event.image.image_id.encode(), value or event.to_json(), headers.to_wire())
