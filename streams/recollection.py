"""An image's event as a pipeline would make it, put together from the ledger alone: nothing is read or computed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.events import ImageEvent
from schemas.image import Acquisition, Image, ObjectRef, Roi, outcome_key
from schemas.scores import Scoring
from stages.stage import Stage

Bodies = Callable[[Collection[str]], Mapping[str, bytes]]
"""The ledger's outcome bodies, by key."""
NOWHERE = ObjectRef(store="ledger", bucket="sem", key="raw/unknown", size_bytes=0, sha256="0" * 64)
UNKNOWN = Roi(x=0, y=0, width=1, height=1)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class ImageName:
    """An image, its version, and a name under which it was published."""

    image_id: str
    version: str
    source_name: str


@dataclass(frozen=True)
class Recollection:
    """An event as far as the ledger knows it; of its image nothing but the identity and the file's bits."""

    name: ImageName
    event: ImageEvent
    missing: str | None
    """The first stage of which the ledger has no outcome; nothing where it has all."""


def recollect(stages: Sequence[Stage], names: Sequence[ImageName], bodies: Bodies) -> list[Recollection]:
    """Return what the ledger knows of each image under these stages, one question a stage.

    An image that has a reference is unknown to it: the scores' key names the reference, and the ledger does not. Nor
    does it say that there is a second frame; what is not known of an image without one is asked once more with one.
    """
    found = _through(stages, [Recollection(name, _blank(name), None) for name in names], bodies)
    unknown = [one.name for one in found if one.missing is not None]
    twice = _through(stages, [Recollection(name, _with_second(_blank(name)), None) for name in unknown], bodies)
    known = {one.name: one for one in twice if one.missing is None}
    return [known.get(one.name, one) for one in found]


def _through(stages: Sequence[Stage], found: list[Recollection], bodies: Bodies) -> list[Recollection]:
    if not found:
        return []
    for stage in stages:
        keys = [_keys(stage, one) for one in found]
        known = bodies({key for some in keys for key in some.values()})
        found = [_grown(stage, one, some, known) for one, some in zip(found, keys, strict=True)]
    return found


def _blank(name: ImageName) -> ImageEvent:
    image = Image(
        image_id=name.image_id,
        version=name.version,
        object=NOWHERE,
        page=0,
        page_count=1,
        format="unknown",
        reader="ledger",
        width=1,
        height=1,
        dtype="float32",
        valid_roi=UNKNOWN,
    )
    acquisition = Acquisition(
        acquisition_id=name.image_id, source="/ledger", source_name=name.source_name, published_at=NEVER
    )
    return ImageEvent(acquisition=acquisition, image=image)


def _with_second(event: ImageEvent) -> ImageEvent:
    return event.but(image=event.image.but(second=NOWHERE))


def _keys(stage: Stage, one: Recollection) -> dict[str, str]:
    if one.missing is not None:
        return {}
    return {part: outcome_key(one.event.image, stage.name, found) for part, found in stage.parts(one.event).items()}


def _grown(stage: Stage, one: Recollection, keys: Mapping[str, str], known: Mapping[str, bytes]) -> Recollection:
    if one.missing is not None:
        return one
    if any(key not in known for key in keys.values()):
        return Recollection(one.name, one.event, stage.name)
    records = {part: stage.record.from_json(known[key]) for part, key in keys.items()}
    event = stage.extend(one.event, records)
    bits = next((r.bits for r in records.values() if isinstance(r, Scoring) and r.bits is not None), None)
    if bits is not None:
        event = event.but(image=event.image.but(effective_bits=bits))
    return Recollection(one.name, event, None)
