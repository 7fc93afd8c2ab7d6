"""An agent put together from what it needs of the world."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from schemas.image import ObjectRef
from streams.agent.agent import Agent, Announced
from streams.agent.journal import FeedId, Journal, Pending
from streams.agent.outages import Outlast
from streams.agent.uploading import Uploader
from streams.feed import FileDescriber
from streams.intake import Intake, Provenance
from streams.ports import ObjectStore
from streams.transport import Publisher


class JournalBook(Protocol):
    """The journals of all feeds of one state folder."""

    def of(self, feed: FeedId) -> Journal:
        """Return that of one feed."""


@dataclass(frozen=True)
class World:
    """Everything outside the process that an agent reaches, and the clocks.

    ``confirm`` asks the store whether it holds an object whole (see `Uploader`); ``now`` is the time of day and
    ``clock`` counts seconds; ``stop`` is set when somebody ends the process, and cuts every wait short. ``announced``
    tells which events the brokers have already (see `Agent`).
    """

    store: ObjectStore
    confirm: Callable[[ObjectRef], object]
    publisher: Publisher
    describer: FileDescriber
    journals: JournalBook
    now: Callable[[], datetime]
    clock: Callable[[], float]
    stop: threading.Event
    announced: Announced


@dataclass(frozen=True)
class FeedOptions:
    """What a feed says of its images, to which topic, and with how many files in memory at a time."""

    provenance: Provenance
    topic: str
    zeros_ok: bool = False
    uploads: int = 2
    second_suffix: str | None = None
    """Tells the file of a second frame by its name (see `streams.pairing`)."""


@dataclass(frozen=True)
class Assembly:
    """An agent with its journal and its patience with services."""

    agent: Agent
    journal: Journal
    outlast: Outlast


@contextmanager
def assembled(
    folder: Path,
    options: FeedOptions,
    world: World,
    *,
    patience_s: float,
    heard: Callable[[Pending], None],
    away: Callable[[str | None], None] = lambda reason: None,
) -> Iterator[Assembly]:
    """Put together the agent of a folder; ``heard`` is told of each event that the brokers have.

    ``away`` hears of services that do not answer (see `Outlast`).
    """
    outlast = Outlast(patience_s, world.stop, world.clock, away)
    intake = Intake(world.store, options.topic, options.provenance, world.now)
    uploader = Uploader(intake, world.describer, world.confirm, zeros_ok=options.zeros_ok)
    journal = world.journals.of(FeedId(options.provenance.source, options.topic, str(folder.resolve())))
    with ThreadPoolExecutor(options.uploads, "upload") as pool:
        agent = Agent(
            uploader,
            journal,
            world.publisher,
            outlast,
            run=pool.map,
            at_once=options.uploads,
            heard=heard,
            announced=world.announced,
        )
        yield Assembly(agent, journal, outlast)
