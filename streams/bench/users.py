"""Clients who publish one image, wait for its selected event and publish the next one, so many at one time."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np

from schemas.model import Record
from streams.bench.chart import Chart, Lines
from streams.bench.named_images import named_images
from streams.bench.own_lane import READY_S, OwnLane, Reader
from streams.transport import Outgoing, Publisher

SETTLING_S = 2.0
"""What is not counted at the beginning of a level: batches find their size."""
HEADLINE = 32
"""The number of clients whose figures stand for all, where it was measured."""


class Level(Record):
    """What so many clients waited, from publishing an image to reading its selected event."""

    clients: int
    images: int
    images_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    fairness: float
    """The worst client's mean wait over the median client's; 1 is equal."""


class Users(Record):
    """Levels, measured one after the other with the same worker processes."""

    stages: int
    processes: int
    seconds: float
    """How long each level was measured."""
    levels: tuple[Level, ...]

    @property
    def headline(self) -> Level:
        """The level of 32 clients, or else the last one."""
        return next((level for level in self.levels if level.clients == HEADLINE), self.levels[-1])

    def figures(self) -> dict[str, object]:
        """Return the headline's figures by name, and everything else."""
        return {**self.headline.model_dump(), **self.model_dump(mode="json")}

    def charts(self) -> list[Chart]:
        """Return charts of waits and rates."""
        places = [str(level.clients) for level in self.levels]
        waits = {f"p{share}": [getattr(level, f"p{share}_ms") for level in self.levels] for share in (50, 95, 99)}
        rates = {"images/s": [level.images_per_s for level in self.levels]}
        return [
            Lines("Wait for the selected event", "ms", "clients at one time", places, waits),
            Lines("Images answered", "images/s", "clients at one time", places, rates),
        ]


@dataclass(frozen=True)
class Wait:
    """One image of a client: when it was about to be published and when its answer was read, seconds of one clock."""

    begun_s: float
    answered_s: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.answered_s - self.begun_s


class Answers:
    """Reads answers in a thread of its own, and tells who waits for each when it came."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._expected: dict[bytes | None, Future[float]] = {}
        self._closed = threading.Event()

    @contextmanager
    def listening(self) -> Iterator["Answers"]:
        """Read while the block runs; raises what went wrong meanwhile."""
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(self._read)
            try:
                yield self
            finally:
                self._closed.set()
            reading.result()

    def expected(self, key: bytes | None) -> "Future[float]":
        """Return what will be the time at which the answer of this key is read."""
        self._expected[key] = coming = Future[float]()
        return coming

    def _read(self) -> None:
        try:
            while not self._closed.is_set():
                for answer in self._reader.poll(limit=1000, timeout_s=0.2):
                    if coming := self._expected.pop(answer.key, None):
                        coming.set_result(time.perf_counter())
        except Exception as error:
            for coming in self._expected.values():
                coming.set_exception(error)  # nobody shall wait for what nobody reads
            raise


@dataclass(frozen=True)
class Client:
    """Publishes images of its own through a connection of its own, one at a time."""

    publisher: Publisher
    images: Iterator[Outgoing]
    answers: Answers
    patience_s: float = field(default=READY_S)

    def once(self) -> Wait:
        """Publish one image and wait for its answer; raises `TimeoutError` when none comes."""
        image = next(self.images)
        coming = self.answers.expected(image.key)
        begun_s = time.perf_counter()
        self.publisher.publish([image])
        return Wait(begun_s, coming.result(self.patience_s))

    def until(self, end_s: float) -> list[Wait]:
        """Do that again and again; the last image may be answered later."""
        waits = []
        while time.perf_counter() < end_s:
            waits.append(self.once())
        return waits


def measure_users(
    lane: OwnLane,
    open_reader: Callable[[str], Reader],
    open_publisher: Callable[[], Publisher],
    *,
    clients: Sequence[int],
    seconds: float,
    processes: int = 1,
) -> Users:
    """Let each number of clients work for so long, through every stage of worker processes that do nothing else."""
    steps = lane.pipeline.steps(lane.name)
    names = [step.stage.name for step in steps]
    with ExitStack() as stack:
        for _ in range(processes):
            stack.enter_context(lane.worker(names))
        answers = stack.enter_context(Answers(open_reader(steps[-1].produces)).listening())
        everybody = []
        for number in range(max(clients)):
            publisher = stack.enter_context(closing(open_publisher()))
            own = named_images(steps[0].consumes, source=f"/bench/client-{number}", images=f"{lane.name}-{number}")
            everybody.append(Client(publisher, own, answers))
        everybody[0].once()  # then the worker has its partitions
        levels = tuple(_level(everybody[:count], seconds) for count in clients)
    return Users(stages=len(steps), processes=processes, seconds=seconds, levels=levels)


def _level(clients: Sequence[Client], seconds: float) -> Level:
    begin_s = time.perf_counter() + SETTLING_S
    with ThreadPoolExecutor(len(clients)) as pool:
        waits = list(pool.map(Client.until, clients, repeat(begin_s + seconds)))
    return level_of(waits, begin_s, begin_s + seconds)


def level_of(waits: Sequence[Sequence[Wait]], begin_s: float, end_s: float) -> Level:
    """Return the figures of a window from the waits of each client: of all that ended in it or after it.

    A wait that is longer than the window counts, for whoever has to wait long is what fairness is about.

    >>> level_of([[Wait(0, 2), Wait(2, 3)], [Wait(0, 3)], [Wait(0, 6)]], 1, 4).fairness
    2.0
    """
    counted = [[wait for wait in own if wait.answered_s >= begin_s] for own in waits]
    answered = sum(begin_s <= wait.answered_s < end_s for own in counted for wait in own)
    taken = 1000 * np.array([wait.seconds for own in counted for wait in own])
    means = [float(np.mean([wait.seconds for wait in own])) for own in counted if own]
    p50, p95, p99 = (round(float(found), 2) for found in np.percentile(taken, [50, 95, 99]))
    return Level(
        clients=len(waits),
        images=len(taken),
        images_per_s=round(answered / (end_s - begin_s), 1),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        max_ms=round(float(taken.max()), 2),
        fairness=round(max(means) / float(np.median(means)), 3),
    )
