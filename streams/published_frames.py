"""The specimens of images that were published, by their ids, as long as a topic tells where they lie."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime

from schemas.events import ImageEvent
from schemas.scores import RAW
from stages.second_frame import SECOND
from streams.errors import InvalidImage
from streams.folder_frames import FolderFrame
from streams.frames import Frames
from streams.scrutiny import read_event
from streams.topic_log import TopicLog


def frames_named(
    log: TopicLog,
    topic: str,
    image_ids: Collection[str],
    frames: Frames,
    failed: Callable[[str, str], None],
    *,
    now: Callable[[], datetime],
    instrument: str | None = None,
) -> Iterator[FolderFrame]:
    """Yield the specimen of every image meant, of one ``instrument`` if that is said, and its second frame.

    ``failed`` hears of images that cannot be had, and in the end how many have no event in the topic any more.
    """
    left = set(image_ids)
    for message in log.read(topic, log.extent(topic)):
        if not left:
            break
        if (message.key or b"").decode(errors="replace") not in left:
            continue
        try:
            _, event = read_event(message, now=now())
        except InvalidImage:  # a dead letter tells of it
            continue
        left.discard(event.image.image_id)
        if instrument not in (None, event.image.instrument_id):
            continue
        try:
            yield _frame(event, frames)
        except InvalidImage as error:
            failed(event.acquisition.source_name, str(error))
    if left:
        failed(
            f"{len(left)} image(s)",
            f"no event in {topic} any more: publish their files with another --state (nothing is computed again)",
        )


def _frame(event: ImageEvent, frames: Frames) -> FolderFrame:
    names = [RAW] if event.image.second is None else [RAW, SECOND]
    found = frames.of(event, names)
    second = found[SECOND].pixels if SECOND in found else None
    return FolderFrame(event.image.image_id, event.acquisition.source_name, found[RAW].pixels, second)
