"""A pipeline's stages run one after the other on frames in memory: no Kafka, no store, no ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.events import ImageEvent
from schemas.frame import Frame
from schemas.image import Acquisition, Image, ObjectRef, Roi, acquisition_id_of
from schemas.scores import RAW
from stages.second_frame import SECOND
from stages.stage import Rejected, Stage, Task
from streams.bench.fields import Sight
from streams.errors import InvalidImage

SOURCE = "/bench"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""A rehearsal publishes nothing, so its events have no time."""


@dataclass(frozen=True)
class Rehearsed:
    """What became of an image: its event, grown by every stage, and its frames by name."""

    event: ImageEvent
    frames: Mapping[str, Frame]


def rehearse(
    stages: Sequence[Stage], sight: Sight, name: str, second: Sight | None = None, *, recipe: str | None = None
) -> Rehearsed:
    """Take one image through the stages: of a recipe if one is declared, with another frame of its field if it has one.

    Raises
    ------
    InvalidImage
        If a stage rejects it.
    """
    event = event_of(sight, name, second, recipe=recipe)
    frames, other = {RAW: sight.frame}, {SECOND: second.frame} if second else {}
    for stage in stages:
        wanted = tuple(stage.parts(event))
        task = Task(event, wanted, {needed: (frames | other)[needed] for needed in stage.needs(event)})
        (outcome,) = stage([task])
        if isinstance(outcome, Rejected):
            raise InvalidImage(f"{name}: stage '{stage.name}' rejects it: {outcome.reason}")
        frames |= {part: made.frame for part, made in outcome.parts.items() if made.frame is not None}
        event = stage.extend(event, {part: made.record for part, made in outcome.parts.items()})
    return Rehearsed(event, frames)


def event_of(sight: Sight, name: str, second: Sight | None = None, *, recipe: str | None = None) -> ImageEvent:
    """Return the event of an image that nobody published: the same identity, and so the same draws, as in a feed."""
    height, width = sight.frame.shape
    image = Image(
        image_id=sight.image_id,
        version="bench",
        object=_ref(sight),
        page=0,
        page_count=1,
        format="tiff",
        reader="bench",
        width=width,
        height=height,
        dtype="float32",
        valid_roi=Roi(x=0, y=0, width=width, height=height),
        recipe=recipe,
        second=_ref(second) if second else None,
    )
    identity = acquisition_id_of(SOURCE, name, sight.image_id)
    acquisition = Acquisition(acquisition_id=identity, source=SOURCE, source_name=name, published_at=NEVER)
    return ImageEvent(acquisition=acquisition, image=image)


def _ref(sight: Sight) -> ObjectRef:
    key = f"raw/bench/{sight.sha256}.tif"
    return ObjectRef(store="bench", bucket="sem", key=key, size_bytes=sight.size_bytes, sha256=sight.sha256)
