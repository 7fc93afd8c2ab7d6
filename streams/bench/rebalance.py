"""What a rebalance costs: one worker process, then four, then two, while images arrive at a steady pace."""

import json
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count, islice, pairwise
from pathlib import Path
from uuid import uuid4

from schemas.events import IMAGE_EVENT_TYPE, ImageEvent
from schemas.headers import Headers
from schemas.image import Acquisition, Image, ObjectRef, Roi, acquisition_id_of
from schemas.model import Record
from streams.settings import Settings
from streams.transport import Message, Outgoing, Publisher
from streams.wiring.process import utc_now
from streams.wiring.resting import open_reader, scratch_topics
from streams.wiring.topics import open_publisher

SOURCE = "/bench"
PARTITIONS = 8
REST_S = 0.02
PATIENCE_S = 120.0


class Rebalance(Record):
    """What became of the images. The workers leave in good order, so nothing needs to be computed twice.

    A gap is a time in which nothing of a partition came out, although one image of it went in every ``pace_s``.
    """

    images: int
    group_protocol: str
    lost: int
    published_twice: int
    computed_twice: int
    longest_gap_s: float
    steady_gap_s: float
    """With one worker, before anybody joined."""
    growing_gap_s: float
    """After three more joined."""
    shrinking_gap_s: float
    """After two of the four had left."""
    pace_s: float


@dataclass(frozen=True)
class Arrival:
    """Something that came out."""

    at_s: float
    partition: int
    acquisition_id: str


class Watch:
    """Notes what comes out and when, in a thread of its own."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._reader = open_reader(settings.kafka, topic)
        self._closed = threading.Event()
        self.arrivals: list[Arrival] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def wait_for(self, wanted: int) -> None:
        """Wait until so much came out, or nothing more does."""
        seen, deadline = 0, time.monotonic() + PATIENCE_S
        while len(self.arrivals) < wanted and time.monotonic() < deadline:
            if len(self.arrivals) > seen:
                seen, deadline = len(self.arrivals), time.monotonic() + PATIENCE_S
            time.sleep(0.05)

    def close(self) -> None:
        """Watch no more."""
        self._closed.set()
        self._thread.join()
        self._reader.close()

    def _watch(self) -> None:
        while not self._closed.is_set():
            for message in self._reader.poll(limit=1000, timeout_s=0.05):
                self.arrivals.append(Arrival(time.monotonic(), message.partition.number, _acquisition_of(message)))


def longest_gap_s(arrivals: Sequence[Arrival], since_s: float, until_s: float) -> float:
    """Return the longest gap of any partition that ended in a time."""
    times: dict[int, list[float]] = defaultdict(list)
    for arrival in arrivals:
        times[arrival.partition].append(arrival.at_s)
    gaps = [b - a for ordered in times.values() for a, b in pairwise(ordered) if since_s <= b < until_s]
    return round(max(gaps, default=0.0), 3)


def measure_rebalance(settings: Settings, *, images: int, per_s: float) -> Rebalance:
    """Publish so many images at a steady pace; after a third three workers join, after two thirds two leave."""
    run = f"bench-{uuid4().hex[:8]}"
    consumes, produces = f"{run}.in", f"{run}.out"
    orders = {"group": run, "consumes": consumes, "produces": produces, "seconds": REST_S, "kafka": _plain(settings)}
    with ExitStack() as stack:
        stack.enter_context(scratch_topics(settings.kafka, [consumes, produces], partitions=PARTITIONS, group=run))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        workers = stack.enter_context(_workers(4, folder, orders))
        watch = stack.enter_context(closing(Watch(settings, produces)))
        feed = Feed(stack.enter_context(closing(open_publisher(settings))), consumes, per_s)
        _go(workers[:1])
        feed.publish(PARTITIONS)
        watch.wait_for(PARTITIONS)
        marks = [time.monotonic()]
        feed.publish(images // 3)
        marks.append(time.monotonic())
        _go(workers[1:])
        feed.publish(images // 3)
        marks.append(time.monotonic())
        _stop(workers[2:])
        feed.publish(images - 2 * (images // 3))
        watch.wait_for(feed.published)
        _stop(workers[:2])
        _wait(workers)
        time.sleep(1)  # for what would be published twice
        computed = [line for file in folder.glob("computed-*") for line in file.read_text("ascii").split()]
    return _figures(watch, feed, computed, marks, settings.kafka.group_protocol)


def _figures(watch: Watch, feed: "Feed", computed: Sequence[str], marks: Sequence[float], protocol: str) -> Rebalance:
    published = Counter(arrival.acquisition_id for arrival in watch.arrivals)
    ends = [*marks, float("inf")]
    steady, growing, shrinking = (longest_gap_s(watch.arrivals, since, until) for since, until in pairwise(ends))
    return Rebalance(
        images=feed.published,
        group_protocol=protocol,
        lost=feed.published - len(published),
        published_twice=sum(published.values()) - len(published),
        computed_twice=len(computed) - len(set(computed)),
        longest_gap_s=max(steady, growing, shrinking),
        steady_gap_s=steady,
        growing_gap_s=growing,
        shrinking_gap_s=shrinking,
        pace_s=round(PARTITIONS / feed.per_s, 3),
    )


class Feed:
    """Publishes images to one partition after the other, so many a second."""

    def __init__(self, publisher: Publisher, topic: str, per_s: float) -> None:
        self._publisher = publisher
        self._events = _events(topic)
        self.per_s = per_s
        self.published = 0

    def publish(self, images: int) -> None:
        """Publish, and return when that should have taken so long."""
        start_s = time.monotonic()
        for number, event in enumerate(islice(self._events, images), start=1):
            self._publisher.publish([event])
            self.published += 1
            time.sleep(max(0.0, start_s + number / self.per_s - time.monotonic()))


def _events(topic: str) -> Iterator[Outgoing]:
    """Images for partition 0, 1, 2 and so on: librdkafka places a key by its CRC."""
    keys = (f"{number:032x}" for number in count())
    for number in count():
        key = next(key for key in keys if zlib.crc32(key.encode()) % PARTITIONS == number % PARTITIONS)
        event = _event(key)
        identity = event.acquisition.acquisition_id
        headers = Headers(identity, IMAGE_EVENT_TYPE, SOURCE, event.image.image_id, event.acquisition.published_at)
        yield Outgoing(topic, key.encode(), event.to_json(), headers.to_wire())


def _event(key: str) -> ImageEvent:
    sha256 = 2 * key
    image = Image(
        image_id=f"{key}-0",
        version="bench",
        object=ObjectRef(store="bench", bucket="sem", key=f"raw/bench/{sha256}.tif", size_bytes=1, sha256=sha256),
        page=0,
        page_count=1,
        format="tiff",
        reader="bench",
        width=1,
        height=1,
        dtype="uint8",
        valid_roi=Roi(x=0, y=0, width=1, height=1),
    )
    identity = acquisition_id_of(SOURCE, key, image.image_id)
    acquisition = Acquisition(acquisition_id=identity, source=SOURCE, source_name=key, published_at=utc_now())
    return ImageEvent(acquisition=acquisition, image=image)


def _acquisition_of(message: Message) -> str:
    return ImageEvent.from_json(message.value or b"").acquisition.acquisition_id


@contextmanager
def _workers(number: int, folder: Path, orders: dict[str, object]) -> Iterator[list["subprocess.Popen[str]"]]:
    """Give worker processes that have imported everything and wait."""
    command = [sys.executable, "-m", "streams.bench.resting_worker", str(folder)]
    pipe = subprocess.PIPE
    workers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(number)]  # noqa: S603
    try:
        for worker in workers:
            _say(worker, json.dumps(orders))
        for worker in workers:
            if worker.stdout is None or worker.stdout.readline().strip() != "ready":
                raise RuntimeError("a worker process did not start")
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def _go(workers: Sequence["subprocess.Popen[str]"]) -> None:
    for worker in workers:
        _say(worker, "go")


def _stop(workers: Sequence["subprocess.Popen[str]"]) -> None:
    for worker in workers:
        worker.terminate()


def _wait(workers: Sequence["subprocess.Popen[str]"]) -> None:
    for worker in workers:
        if worker.wait(PATIENCE_S):
            raise RuntimeError(f"a worker process ended with status {worker.returncode}")


def _say(worker: "subprocess.Popen[str]", line: str) -> None:
    assert worker.stdin is not None  # noqa: S101 - it is a pipe
    worker.stdin.write(f"{line}\n")
    worker.stdin.flush()


def _plain(settings: Settings) -> dict[str, object]:
    """Return Kafka's settings as JSON, the password legible: they travel through a pipe."""
    password = settings.kafka.password
    table = settings.kafka.model_dump(mode="json", exclude_none=True, exclude={"password", "password_file"})
    return table if password is None else {**table, "password": password.get_secret_value()}
