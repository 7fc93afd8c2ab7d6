"""The agent of `semstream publish`."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from streams.adapters.journal_standing import standing_of
from streams.adapters.kafka_log import KafkaLog
from streams.adapters.kafka_publisher import KafkaPublisher
from streams.adapters.s3_store import S3Store
from streams.adapters.sqlite_journal import SqliteJournal
from streams.agent.announced import announced_in
from streams.agent.assembly import World
from streams.agent.journal import FeedStanding, Setback
from streams.formats.sandbox import Decoder
from streams.settings import Settings
from streams.wiring.process import utc_now
from streams.wiring.tracing import traced, tracing

JOURNAL = "publish.sqlite"
ACKNOWLEDGED_WITHIN_MS = 10_000
"""Nothing else is done meanwhile: an agent that is asked to stop while the brokers are away ends after so long."""


@contextmanager
def publishing(settings: Settings, state: Path, *, stop: threading.Event, uploads: int) -> Iterator[World]:
    """Wire the agent of `semstream publish`; ``state`` holds its journal, of one process at a time.

    Raises
    ------
    UsageError
        If another process is using the journal.
    """
    with ExitStack() as stack:
        journals = SqliteJournal(state / JOURNAL, utc_now)
        stack.callback(journals.close)
        decoder = stack.enter_context(Decoder(children=uploads))
        store = S3Store(settings.s3, connections=uploads)
        stack.callback(store.close)
        publisher = KafkaPublisher(settings.kafka, options={"message.timeout.ms": ACKNOWLEDGED_WITHIN_MS})
        stack.callback(publisher.close)
        log = KafkaLog(settings.kafka)
        stack.callback(log.close)
        yield World(
            store=store,
            confirm=store.confirm,
            publisher=traced(publisher, stack.enter_context(tracing())),
            describer=decoder,
            journals=journals,
            now=utc_now,
            clock=time.monotonic,
            stop=stop,
            announced=partial(announced_in, log),
        )


def journal_standing(state: Path) -> tuple[list[FeedStanding], list[Setback]]:
    """Return how the feeds of an agent's journal stand; raises `UsageError` where there is none."""
    return standing_of(state / JOURNAL)
