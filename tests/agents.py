"""An agent's world in a temporary folder: a clock that only sleeping moves, brokers that fail on demand."""

import io
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import tifffile

from schemas.events import ImageEvent
from schemas.headers import Headers
from streams.adapters.folder_store import FolderStore
from streams.adapters.sqlite_journal import SqliteJournal
from streams.agent.assembly import FeedOptions, World, assembled
from streams.agent.journal import FileState, Pending
from streams.agent.meter import AgentMeter
from streams.agent.scan import FolderScan
from streams.agent.watching import Timing, Watch
from streams.formats.reading import Description, describe
from streams.intake import Provenance
from streams.telemetry import Telemetry
from streams.transport import Outgoing
from tests.events import NOON

TOPIC = "sem.images"
OPTIONS = FeedOptions(Provenance("/test", "sim-1"), TOPIC, uploads=1)
TIMING = Timing(settle_s=2, give_up_s=30, look_s=0.5, second_wait_s=20)


def tiff(seed: int, *, pages: int = 1, side: int = 16) -> bytes:
    """Return a file whose directory comes first and whose pixels end it, none of them zero."""
    pixels = np.random.default_rng(seed).integers(1, 256, (pages, side, side), dtype=np.uint8)
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for page in pixels:
            writer.write(page, contiguous=False, metadata=None)
    return file.getvalue()


class Clock:
    """Seconds that pass while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += max(seconds, 0.001)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)


class Stop(threading.Event):
    """What ends an agent; waiting for it moves the clock and takes no time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.sleep(timeout or 0)
        return self.is_set()


class Brokers:
    """Keep every message; ``failures`` are raised first, one a call, and after ``half`` of the messages were kept."""

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []
        self.failures: list[Exception] = []
        self.half = False
        self.calls = 0

    def publish(self, events: Iterable[Outgoing]) -> None:
        events = list(events)
        self.calls += 1
        if self.failures:
            self.messages += events[: len(events) // 2] if self.half else []
            raise self.failures.pop(0)
        self.messages += events

    def announced(self, events: Sequence[Pending]) -> set[str]:
        return set(self.ids) & {pending.event.acquisition.acquisition_id for pending in events}

    def close(self) -> None:
        pass

    @property
    def events(self) -> list[ImageEvent]:
        return [ImageEvent.from_json(message.value) for message in self.messages]

    @property
    def ids(self) -> list[str]:
        return [Headers.from_wire(message.headers).id for message in self.messages]

    @property
    def names(self) -> list[str]:
        return [event.acquisition.source_name for event in self.events]


class Describer:
    """Reads files in this process."""

    def describe(self, data: bytes, *, bits: int | None = None) -> Description:
        return describe(data, bits=bits)


@dataclass
class Site:
    """An instrument's folder, an agent's state, and the services."""

    root: Path
    clock: Clock = field(default_factory=Clock)
    brokers: Brokers = field(default_factory=Brokers)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.stop = Stop(self.clock)
        self.store = FolderStore(self.root / "objects")
        self.confirm: Callable[..., object] = self.store.get
        self.journals = SqliteJournal(self.root / "state" / "publish.sqlite", self.clock.now)

    def reopen(self) -> None:
        """Open the journal as the next process would."""
        self.journals.close()
        self.journals = SqliteJournal(self.root / "state" / "publish.sqlite", self.clock.now)

    @property
    def folder(self) -> Path:
        return self.root / "in"

    def put(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def world(self) -> World:
        return World(
            store=self.store,
            confirm=self.confirm,
            publisher=self.brokers,
            describer=Describer(),
            journals=self.journals,
            now=self.clock.now,
            clock=self.clock,
            stop=self.stop,
            announced=self.brokers.announced,
        )


def meter_of(clock: Callable[[], float]) -> AgentMeter:
    """Return a meter of the instrument of `OPTIONS`."""
    return AgentMeter(Telemetry(), OPTIONS.provenance.instrument_id, clock=clock)


class Watcher:
    """A watch that runs for as long as a test says."""

    def __init__(self, site: Site, *, second_suffix: str | None = None) -> None:
        self.site = site
        self.heard: list[Pending] = []
        folder, world = site.folder, site.world()
        with ExitStack() as stack:
            self.telemetry = Telemetry()
            self.meter = AgentMeter(self.telemetry, OPTIONS.provenance.instrument_id, clock=site.clock)
            it = stack.enter_context(
                assembled(folder, OPTIONS, world, patience_s=math.inf, heard=self._heard, away=self.meter.away)
            )
            self.journal = it.journal
            scan = FolderScan(folder, clock=site.clock)
            self.watch = Watch(scan, it, TIMING, self.meter, second_suffix=second_suffix)
            self.watch.begin()
            self.close = stack.pop_all().close

    def _heard(self, pending: Pending) -> None:
        self.heard.append(pending)
        self.meter.published(pending)

    def run(self, seconds: float) -> None:
        end = self.site.clock() + seconds
        while self.site.clock() < end:
            self.watch.step()

    def states(self) -> dict[str, str]:
        """States of all files in the journal."""
        return {name: state.value for state in FileState for name in self.journal.names(state)}

    def reason(self, name: str) -> str | None:
        return self.journal.notes([name])[name].reason
