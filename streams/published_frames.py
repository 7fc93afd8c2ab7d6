"""The specimens of images that were published, by their ids, as long as a topic tells where they lie."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.events import ImageEvent
from schemas.frame import Pixels
from schemas.scores import RAW
from stages.second_frame import SECOND
from streams.errors import InvalidImage
from streams.folder_frames import FolderFrame, Told
from streams.frames import Frames
from streams.pairing import told_of_second
from streams.scrutiny import read_event
from streams.topic_log import TopicLog


@dataclass(frozen=True)
class Meant:
    """Images by their ids, in the order in which they are wanted; of one instrument only if that is named."""

    image_ids: Sequence[str]
    instrument: str | None = None


def frames_named(
    log: TopicLog,
    topic: str,
    meant: Meant,
    frames: Frames,
    *,
    now: Callable[[], datetime],
    left_out: Told,
    alone: Told,
) -> Iterator[FolderFrame]:
    """Yield the specimens of images, and their second frames, always in the same order.

    Of an image that was published several times counts the latest event with a second frame, or else the latest one.
    ``left_out`` hears of what cannot be had, ``alone`` of images whose second frame cannot.
    """
    events, others = _events(log, topic, meant, now)
    gone = len({*meant.image_ids} - events.keys() - others)
    if gone:
        left_out(
            f"{gone} image(s)",
            f"no event in {topic} any more: publish their files with another --state (nothing is computed again)",
        )
    if others:
        left_out(f"{len(others)} image(s)", f"of another instrument than {meant.instrument}")
    for image_id in dict.fromkeys(meant.image_ids):
        if image_id in events:
            yield from _frame(events[image_id], frames, left_out, alone)


def _events(
    log: TopicLog, topic: str, meant: Meant, now: Callable[[], datetime]
) -> tuple[dict[str, ImageEvent], set[str]]:
    """Return the event of each image, and the images that other instruments published and the one meant did not."""
    wanted = {image_id.encode() for image_id in meant.image_ids}
    found: dict[str, ImageEvent] = {}
    others: set[str] = set()
    for message in log.read(topic, log.extent(topic)):
        if message.key not in wanted:
            continue
        try:
            _, event = read_event(message, now=now())
        except InvalidImage:  # a dead letter tells of it
            continue
        image = event.image
        if meant.instrument not in (None, image.instrument_id):
            others.add(image.image_id)
        elif image.second is not None or image.image_id not in found or found[image.image_id].image.second is None:
            found[image.image_id] = event
    return found, others - found.keys()


def _frame(event: ImageEvent, frames: Frames, left_out: Told, alone: Told) -> Iterator[FolderFrame]:
    image, name = event.image, event.acquisition.source_name
    try:
        pixels = frames.of(event, [RAW])[RAW].pixels
    except InvalidImage as error:
        left_out(name, str(error))
        return
    second: Pixels | None = None
    if image.second is not None:
        try:
            with told_of_second(image.second.key):
                second = frames.of(event, [SECOND])[SECOND].pixels
        except InvalidImage as error:
            alone(name, str(error))
    yield FolderFrame(image.image_id, name, pixels, second)
