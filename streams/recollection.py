"""An image's event as a pipeline would make it, put together from the ledger alone: nothing is read or computed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from schemas.events import ImageEvent
from schemas.image import Acquisition, Image, ObjectRef, Roi, outcome_key
from schemas.scores import Scoring
from stages.stage import Stage
from streams.instruments import INSTRUMENTS

Bodies = Callable[[Collection[str]], Mapping[str, bytes]]
"""The ledger's outcome bodies, by key."""
References = Mapping[tuple[str, str], ObjectRef]
"""Clean frames of images that have one, by the image's id and version."""
NOWHERE = ObjectRef(store="ledger", bucket="sem", key="raw/unknown", size_bytes=0, sha256="0" * 64)
UNKNOWN = Roi(x=0, y=0, width=1, height=1)
UNKNOWN_INSTRUMENT = "unknown"
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


def recollect(
    stages: Sequence[Stage],
    names: Sequence[ImageName],
    bodies: Bodies,
    references: References = MappingProxyType({}),
) -> list[Recollection]:
    """Return what the ledger knows of each image under these stages, one question a stage.

    The scores' key names the image's reference, and the ledger does not: an image that has one is unknown to it, but
    for ``references``. Nor does it say that there is a second frame, or whose image it is: what is not known of an
    image without a second frame is asked once more with one, and before all that as of each instrument that has
    methods of its own.
    """
    found: dict[ImageName, Recollection] = {}
    for instrument in (*_own_instruments(stages), UNKNOWN_INSTRUMENT):
        for second in (None, NOWHERE):
            open_ones = [name for name in names if name not in found or found[name].missing is not None]
            blanks = [Recollection(n, _blank(n, instrument, second, references), None) for n in open_ones]
            asked = _through(stages, blanks, bodies)
            found |= {one.name: one for one in asked if one.missing is None or second is None}
    return [found[name] for name in names]


def _own_instruments(stages: Sequence[Stage]) -> list[str]:
    """Return the instruments that have methods of their own: only their images have answers under the keys of these."""
    return list(dict.fromkeys(name for stage in stages for name in getattr(stage, INSTRUMENTS, {})))


def _through(stages: Sequence[Stage], found: list[Recollection], bodies: Bodies) -> list[Recollection]:
    if not found:
        return []
    for stage in stages:
        keys = [_keys(stage, one) for one in found]
        known = bodies({key for some in keys for key in some.values()})
        found = [_grown(stage, one, some, known) for one, some in zip(found, keys, strict=True)]
    return found


def _blank(name: ImageName, instrument: str, second: ObjectRef | None, references: References) -> ImageEvent:
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
        instrument_id=instrument,
        reference=references.get((name.image_id, name.version)),
        second=second,
    )
    acquisition = Acquisition(
        acquisition_id=name.image_id, source="/ledger", source_name=name.source_name, published_at=NEVER
    )
    return ImageEvent(acquisition=acquisition, image=image)


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
