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
from schemas.prior import Prior
from streams.agent.agent import Agent, Announced
from streams.agent.journal import FeedId, Journal, Pending
from streams.agent.outages import Outlast
from streams.agent.uploading import Uploader
from streams.feed import FileDescriber
from streams.intake import Intake
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
    """What a feed says of its images, to which topic, and with how many files in memory at a time.

    ``second_suffix`` tells the file of a second frame by its name (see `streams.pairing`); ``bits`` are those of the
    detector's levels in 16-bit files, which else each file is asked for.
    """

    source: str
    topic: str
    instrument_id: str = "unknown"
    recipe: str | None = None
    zeros_ok: bool = False
    uploads: int = 2
    prior: Prior | None = None
    second_suffix: str | None = None
    bits: int | None = None


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
    about = (options.instrument_id, options.recipe, options.prior, options.bits)
    intake = Intake(world.store, options.topic, options.source, world.now, *about)
    uploader = Uploader(intake, world.describer, world.confirm, zeros_ok=options.zeros_ok)
    journal = world.journals.of(FeedId(options.source, options.topic, str(folder.resolve())))
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
