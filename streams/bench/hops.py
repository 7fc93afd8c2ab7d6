"""Latency and replay at real services, with stages that do nothing: what the path itself takes."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import numpy as np

from schemas.events import IMAGE_EVENT_TYPE, ImageEvent
from schemas.headers import Headers
from schemas.image import Acquisition, Image, ObjectRef, Roi, acquisition_id_of
from schemas.model import Record, digest
from schemas.scores import Candidate, Risk
from streams.bench.own_lane import OwnLane, Reader, read
from streams.ports import Message, Outgoing

NOOPS = Path(str(files("streams.bench") / "noops.toml"))
CANDIDATES = ("raw", "mean", "gaussian", "median", "unet")
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
    events = list(_events(steps[0].consumes, images + warm_up, source="/bench/latency"))
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
        cpu_s = _cpu_s(process.pid)
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
    events = list(_events(topic, count, source=source))
    for start in range(0, count, CHUNK):
        lane.publisher.publish(events[start : start + CHUNK])
    return len(events[-1].value)


def _events(topic: str, count: int, *, source: str) -> Iterator[Outgoing]:
    """Yield events of images that exist in name only, with candidates, as they are behind the first stages."""
    now = datetime.now(UTC)
    for number in range(count):
        event = _event(number, source=source, now=now)
        identity, image_id = event.acquisition.acquisition_id, event.image.image_id
        headers = Headers(identity, IMAGE_EVENT_TYPE, source, image_id, now)
        yield Outgoing(topic, image_id.encode(), event.to_json(), headers.to_wire())


def _event(number: int, *, source: str, now: datetime) -> ImageEvent:
    sha256 = digest(number) * 2
    image_id = f"{sha256[:32]}-0"
    ref = ObjectRef(store="s3", bucket="sem", key=f"raw/bench/{sha256}.tif", size_bytes=262_144, sha256=sha256)
    image = Image(
        image_id=image_id,
        version="bench",
        object=ref,
        page=0,
        page_count=1,
        format="tiff",
        reader="bench",
        width=512,
        height=512,
        dtype="uint8",
        valid_roi=Roi(x=0, y=0, width=512, height=512),
    )
    name = f"{number:06d}.tif"
    acquisition = Acquisition(
        acquisition_id=acquisition_id_of(source, name, image_id), source=source, source_name=name, published_at=now
    )
    candidates = tuple(_candidate(name, ref) for name in CANDIDATES)
    return ImageEvent(acquisition=acquisition, image=image, candidates=candidates)


def _candidate(name: str, ref: ObjectRef) -> Candidate:
    risk = Risk(value=3.1e-4, se=1.2e-5, row_j=3.3e-4, blocks=(2.9e-4, 3.3e-4))
    return Candidate(name=name, stage="filter", method="bench", config_hash=digest(name), object=ref, risk=risk)


def _cpu_s(pid: int) -> float:
    """Processor time of a process so far; its start is in it."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100
