"""Latency and replay at real services, with stages that do nothing: what the path itself takes."""

import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from itertools import islice
from pathlib import Path

import numpy as np

from schemas.model import Record
from streams.bench.named_images import named_images
from streams.bench.own_lane import OwnLane, Reader, read
from streams.bench.processor_time import used_by
from streams.ports import Message, Outgoing

NOOPS = Path(str(files("streams.bench") / "noops.toml"))
CHUNK = 2000


class Latency(Record):
    """Milliseconds from publishing one event to reading its answer, committed, behind so many stages."""

    images: int
    stages: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Replayed(Record):
    """References through a worker that knows every outcome."""

    references: int
    stages: int
    images_per_s: float
    cpu_us_per_image: float
    event_bytes: int


def measure_latency(lane: OwnLane, open_reader: Callable[[str], Reader], *, images: int, warm_up: int = 50) -> Latency:
    """Send one event at a time through every stage, idle otherwise, and wait for it at the end."""
    steps = lane.pipeline.steps(lane.name)
    reader = open_reader(steps[-1].produces)
    endless = named_images(steps[0].consumes, source="/bench/latency", images=lane.name)
    events = list(islice(endless, images + warm_up))
    with lane.worker([step.stage.name for step in steps]):
        seconds = [_there_and_back(lane, reader, event) for event in events]
    taken = 1000 * np.array(seconds[warm_up:])
    p50, p95, p99 = np.percentile(taken, [50, 95, 99])
    return Latency(
        images=images,
        stages=len(steps),
        p50_ms=round(float(p50), 2),
        p95_ms=round(float(p95), 2),
        p99_ms=round(float(p99), 2),
        max_ms=round(float(taken.max()), 2),
    )


def _there_and_back(lane: OwnLane, reader: Reader, event: Outgoing) -> float:
    start = time.perf_counter()
    lane.publisher.publish([event])
    read(reader, 1)
    return time.perf_counter() - start


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
