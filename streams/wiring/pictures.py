"""The frames of events at the services, for whoever shows pictures."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from streams.adapters.s3_store import S3Store
from streams.formats.sandbox import Decoder
from streams.frames import Frames
from streams.settings import Settings


@contextmanager
def frames_at_services(settings: Settings) -> Iterator[Frames]:
    """Reach S3, and decode in a limited child process."""
    with ExitStack() as stack:
        store = S3Store(settings.s3, connections=1)
        stack.callback(store.close)
        yield Frames(store, stack.enter_context(Decoder()))
