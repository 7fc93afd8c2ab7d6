"""What a replay takes from the live lane, and what it gets itself, where one worker process works in both.

The stage holds a slot by sleeping: the servers of this machine share its cores, so a stage that kept one busy would be
measured together with them. What is left is who gets the slots, and the path of both lanes through one process.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from schemas.model import Record
from streams.bench.named_images import named_images
from streams.bench.own_lane import OwnLane, Reader, read
from streams.bench.rest import Rest
from streams.transport import Message, Outgoing, Publisher

BESIDE = ("replay",)
SLOTS = 2
LIVE_LOAD = 0.45
"""Of what replay is answered at when it is alone."""
SETTLING_S = 2.0
"""What is not counted at the beginning: batches find their size."""
CHUNK = 2000


class LiveLoad(Record):
    """Latency of live images with and without a replay beside them, and the replay's part of the slots' time.

    Every image holds a slot for ``call_ms``, so a lane's part of the images is its part of the slots' time.
    """

    slots: int
    call_ms: float
    live_images: int
    """Timed in each of the two phases."""
    live_per_s: float
    live_alone_p50_ms: float
    live_alone_p99_ms: float
    live_p50_ms: float
    live_p99_ms: float
    ratio: float
    """Of the two p99."""
    replay_waiting: int
    """References that waited when the live images began."""
    replay_alone_images_per_s: float
    replay_images_per_s: float
    replay_share: float
    replay_share_saturated: float
    """With more live images than can be answered."""


@contextmanager
def resting_pipeline(call_ms: float) -> Iterator[Path]:
    """Write the file of a pipeline with one stage, whose call takes so long."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rest.toml"
        file.write_text(f'path = ["streams.bench.rest:Rest"]\n[rest]\nseconds = {call_ms / 1000}\n', encoding="ascii")
        yield file


def measure_live_load(
    lane: OwnLane, open_reader: Callable[[str], Reader], *, call_ms: float, seconds: float
) -> LiveLoad:
    """Measure so many seconds of each: replay alone, live alone, both, both with more live than can be answered."""
    (other,) = lane.beside
    live, replay = Traffic.of(lane, lane.name, open_reader), Traffic.of(lane, other, open_reader)
    at_most_per_s = SLOTS * 1000 / call_ms
    waiting = int(at_most_per_s * (seconds + 2 * SETTLING_S))
    replay_alone = _replay_alone(lane, replay, int(at_most_per_s * seconds))
    per_s = LIVE_LOAD * replay_alone
    count = int(per_s * seconds)
    alone_s = _live_alone(lane, live, count, per_s)
    beside_s, replayed = _both(lane, live, replay, waiting=waiting, count=count, per_s=per_s)
    alone_p50, alone_p99 = np.percentile(alone_s, [50, 99])
    p50, p99 = np.percentile(beside_s, [50, 99])
    saturated = _saturated(lane, live, replay, waiting=waiting, seconds=seconds)
    return LiveLoad(
        slots=SLOTS,
        call_ms=call_ms,
        live_images=count,
        live_per_s=round(per_s, 1),
        live_alone_p50_ms=round(1000 * float(alone_p50), 1),
        live_alone_p99_ms=round(1000 * float(alone_p99), 1),
        live_p50_ms=round(1000 * float(p50), 1),
        live_p99_ms=round(1000 * float(p99), 1),
        ratio=round(float(p99 / alone_p99), 2),
        replay_waiting=waiting,
        replay_alone_images_per_s=round(replay_alone, 1),
        replay_images_per_s=round(replayed, 1),
        replay_share=round(replayed / (replayed + per_s), 3),
        replay_share_saturated=round(saturated, 3),
    )


@dataclass(frozen=True)
class Traffic:
    """Images into a lane, new ones every time, and their answers."""

    publisher: Publisher
    images: Iterator[Outgoing]
    reader: Reader

    @classmethod
    def of(cls, lane: OwnLane, name: str, open_reader: Callable[[str], Reader]) -> "Traffic":
        """Prepare it."""
        (step,) = lane.pipeline.steps(name)
        images = named_images(step.consumes, source=f"/bench/{name}", images=name)
        return cls(lane.publisher, images, open_reader(step.produces))

    def publish(self, count: int) -> None:
        """Publish so many images at once."""
        for start in range(0, count, CHUNK):
            self.publisher.publish(islice(self.images, min(CHUNK, count - start)))

    def take_up(self) -> None:
        """Send one image there and back: then the worker has the lane's partitions."""
        self.publish(1)
        read(self.reader, 1)

    def latencies_s(self, count: int, per_s: float) -> list[float]:
        """Publish images at a constant rate; return the seconds from when each was due to its answer."""
        unsettled = int(SETTLING_S * per_s)
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(_arrivals, self.reader, unsettled + count)
            due = self._publish_steadily(unsettled + count, per_s)
            came = coming.result()
        return [came[key] - at for key, at in due.items()][unsettled:]

    def _publish_steadily(self, count: int, per_s: float) -> Mapping[bytes | None, float]:
        due: dict[bytes | None, float] = {}
        start = time.perf_counter()
        for number, image in enumerate(islice(self.images, count)):
            due[image.key] = start + number / per_s
            time.sleep(max(0.0, due[image.key] - time.perf_counter()))
            self.publisher.publish([image])
        return due

    def rest(self) -> list[Message]:
        """Return the answers that nobody has read."""
        found: list[Message] = []
        while some := self.reader.poll(limit=1000, timeout_s=1):
            found += some
        return found


def _replay_alone(lane: OwnLane, replay: Traffic, count: int) -> float:
    """Images a second."""
    with _at_work(lane):
        replay.take_up()
        replay.publish(count)
        times = [message.timestamp_ms for message in read(replay.reader, count)]
    return 1000 * count / (max(times) - min(times))


def _live_alone(lane: OwnLane, live: Traffic, count: int, per_s: float) -> list[float]:
    with _at_work(lane):
        live.take_up()
        return live.latencies_s(count, per_s)


def _both(
    lane: OwnLane, live: Traffic, replay: Traffic, *, waiting: int, count: int, per_s: float
) -> tuple[list[float], float]:
    """Return the latencies, and the replay's images a second meanwhile."""
    with _at_work(lane):
        live.take_up()
        replay.take_up()
        replay.publish(waiting)
        read(replay.reader, 1)
        start = time.time()
        latencies_s = live.latencies_s(count, per_s)
        end = time.time()
        answers = replay.rest()
    return latencies_s, _within(answers, start, end) / (end - start)


def _saturated(lane: OwnLane, live: Traffic, replay: Traffic, *, waiting: int, seconds: float) -> float:
    """Return the replay's share while more images wait in each lane than can be answered."""
    with _at_work(lane):
        live.take_up()
        replay.take_up()
        live.publish(waiting)
        replay.publish(waiting)
        time.sleep(SETTLING_S)
        start = time.time()
        time.sleep(seconds)
        end = time.time()
    lives, replays = (_within(traffic.rest(), start, end) for traffic in (live, replay))
    return replays / (lives + replays)


@contextmanager
def _at_work(lane: OwnLane) -> Iterator[None]:
    with lane.worker([Rest.name], threads=SLOTS):
        yield


def _arrivals(reader: Reader, count: int) -> Mapping[bytes | None, float]:
    """Wait for so many answers; return when each came, by its key."""
    came: dict[bytes | None, float] = {}
    while len(came) < count:
        answers = read(reader, 1)
        now = time.perf_counter()
        came.update({answer.key: now for answer in answers})
    return came


def _within(answers: Sequence[Message], start: float, end: float) -> int:
    return sum(start <= answer.timestamp_ms / 1000 < end for answer in answers)
