"""Latency and replay at real services, with stages that do nothing: what the path itself takes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.model import Record
from streams.bench.chart import Bars, Chart
from streams.bench.named_images import named_images
from streams.bench.own_lane import OwnLane, Reader, read
from streams.bench.processor_time import used_by
from streams.transport import Message, Outgoing

NOOPS = Path(str(files("streams.bench") / "noops.toml"))
CHUNK = 2000
READING = "reading"


class Hop(Record):
    """Milliseconds from one event's time to the next one's."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


class Latency(Record):
    """Milliseconds from publishing one event to reading its answer, committed, behind so many stages."""

    images: int
    stages: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    hops: dict[str, Hop]
    """By stage, from the time of its event to that of its answer, which it has before it is committed; and at the end
    from the last answer's time to its reading, committed. The times are whole milliseconds."""

    def figures(self) -> dict[str, object]:
        """Return them."""
        return self.model_dump(mode="json")

    def charts(self) -> list[Chart]:
        """Return a chart of the hops."""
        shares = (50, 95, 99)
        series = {f"p{share}": [getattr(hop, f"p{share}_ms") for hop in self.hops.values()] for share in shares}
        return [Bars("Each hop of an image", "ms", "stage", list(self.hops), series)]


class Replayed(Record):
    """References through a worker that knows every outcome."""

    references: int
    stages: int
    images_per_s: float
    cpu_us_per_image: float
    event_bytes: int


class Replays(Record):
    """The same references through one stage and through four."""

    one: Replayed
    four: Replayed

    def figures(self) -> dict[str, object]:
        """Return one stage's figures by name, and those of four."""
        return {**self.one.model_dump(), "four_stages": self.four.model_dump()}

    def charts(self) -> list[Chart]:
        """Return charts of rates and processor time."""
        places, both = ["one stage", "four stages"], (self.one, self.four)
        rates = {"images/s": [one.images_per_s for one in both]}
        cpu = {"us": [one.cpu_us_per_image for one in both]}
        return [
            Bars("Known references answered", "images/s", "path", places, rates),
            Bars("Processor time of an image", "us", "path", places, cpu),
        ]


def measure_latency(lane: OwnLane, open_reader: Callable[[str], Reader], *, images: int, warm_up: int = 50) -> Latency:
    """Send one event at a time through every stage, idle otherwise, and wait for it at the end."""
    steps = lane.pipeline.steps(lane.name)
    reader = open_reader(steps[-1].produces)
    endless = named_images(steps[0].consumes, source="/bench/latency", images=lane.name)
    events = list(islice(endless, images + warm_up))
    with lane.worker([step.stage.name for step in steps]):
        ways = [there_and_back(lane, reader, event) for event in events]
    times = [_times(open_reader(topic), len(ways)) for topic in (steps[0].consumes, *(one.produces for one in steps))]
    times.append({way.key: way.read_ms for way in ways})
    names = (*(step.stage.name for step in steps), READING)
    counted = ways[warm_up:]
    taken = np.array([way.taken_ms for way in counted])
    p50, p95, p99 = _percentiles(taken)
    return Latency(
        images=images,
        stages=len(steps),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        max_ms=round(float(taken.max()), 2),
        hops={
            name: hop_of([after[way.key] - before[way.key] for way in counted])
            for name, (before, after) in zip(names, pairwise(times), strict=True)
        },
    )


@dataclass(frozen=True)
class Way:
    """What one image took there and back, and when its answer was read, by the clock that messages have."""

    key: bytes | None
    taken_ms: float
    read_ms: float


def there_and_back(lane: OwnLane, reader: Reader, event: Outgoing) -> Way:
    """Publish an event and wait for what comes out at the end; raises `TimeoutError` where nothing does."""
    start = time.perf_counter()
    lane.publisher.publish([event])
    read(reader, 1)
    return Way(event.key, 1000 * (time.perf_counter() - start), 1000 * time.time())


def _times(reader: Reader, count: int) -> dict[bytes | None, float]:
    """Return the times of a topic's events by key. They are read afterwards, so that nobody waits for it."""
    return {message.key: float(message.timestamp_ms) for message in read(reader, count)}


def hop_of(taken_ms: Sequence[float]) -> Hop:
    """Return the percentiles of some times."""
    p50, p95, p99 = _percentiles(np.array(taken_ms))
    return Hop(p50_ms=p50, p95_ms=p95, p99_ms=p99)


def _percentiles(taken_ms: NDArray[np.float64]) -> tuple[float, float, float]:
    p50, p95, p99 = (round(float(found), 2) for found in np.percentile(taken_ms, [50, 95, 99]))
    return p50, p95, p99


def measure_replay(
    lane: OwnLane, open_reader: Callable[[str], Reader], *, references: int, stages: Sequence[str]
) -> Replayed:
    """Publish references whose outcomes are known, then let one worker process of these stages answer them all.

    The rate is that of the answers' own times at the broker, from the first to the last.
    """
    steps = [step for step in lane.pipeline.steps(lane.name) if step.stage.name in stages]
    reader = open_reader(steps[-1].produces)
    _publish(lane, steps[0].consumes, references, source="/bench/first")
    with lane.worker(stages, threads=2):
        read(reader, references)
    event_bytes = _publish(lane, steps[0].consumes, references, source="/bench/again")
    with lane.worker(stages, threads=2) as process:
        answers = read(reader, references)
        cpu_s = used_by(process.pid)
    return Replayed(
        references=references,
        stages=len(steps),
        images_per_s=round(_rate(answers), 1),
        cpu_us_per_image=round(1e6 * cpu_s / references, 1),
        event_bytes=event_bytes,
    )


def _rate(answers: Sequence[Message]) -> float:
    times = [message.timestamp_ms for message in answers]
    return 1000 * len(times) / max(1, max(times) - min(times))


def _publish(lane: OwnLane, topic: str, count: int, *, source: str) -> int:
    """Publish so many events; return the bytes of the last."""
    events = list(islice(named_images(topic, source=source, images=lane.name), count))
    for start in range(0, count, CHUNK):
        lane.publisher.publish(events[start : start + CHUNK])
    return len(events[-1].value)
