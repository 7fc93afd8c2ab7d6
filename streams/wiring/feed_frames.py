"""The frames of a feed at the services: a query of the ledger names them, a topic says where they lie."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from streams.adapters.kafka_log import KafkaLog
from streams.adapters.s3_store import S3Store
from streams.errors import UsageError
from streams.folder_frames import FolderFrame, Told
from streams.formats.sandbox import Decoder
from streams.frames import Frames
from streams.pipeline import IMAGES, topic
from streams.published_frames import Meant, frames_named
from streams.settings import Settings
from streams.wiring.ledger import ledger_at_services
from streams.wiring.process import utc_now


@contextmanager
def frames_at_services(
    settings: Settings, query: str, lane: str, instrument: str | None, *, left_out: Told, alone: Told
) -> Iterator[Iterator[FolderFrame]]:
    """Reach Postgres, Kafka and S3, and give the frames of the selected images that a query names, the oldest first.

    Raises
    ------
    UsageError
        If the query is none, or names no selected image.
    """
    with ledger_at_services(settings) as found:
        meant = Meant([name.image_id for name in found.questions.images(query)], instrument)
        if not meant.image_ids:
            raise UsageError(f"the ledger at {found.place} has no selected image that --from names")
    with ExitStack() as stack:
        log = stack.enter_context(closing(KafkaLog(settings.kafka)))
        store = stack.enter_context(closing(S3Store(settings.s3, connections=1)))
        frames = Frames(store, stack.enter_context(Decoder()))
        images = topic(lane, IMAGES)
        yield frames_named(log, images, meant, frames, now=utc_now, left_out=left_out, alone=alone)
