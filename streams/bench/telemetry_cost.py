"""What telemetry costs: the calls of a real run, made again into a registry and into nothing, on one core."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from statistics import median

from prometheus_client import generate_latest

from schemas.events import ImageEvent
from schemas.model import Record
from streams.bench.embedding import trial
from streams.bench.small_images import small_images
from streams.bench.tracing_cost import TracingCost, measure_tracing_cost
from streams.pipeline import LIVE, Pipeline
from streams.source import SourceFile, first
from streams.telemetry import Activity, Telemetry
from streams.telemetry.answered import Answered, note_answers
from streams.telemetry.catalogue import BATCH_MESSAGES
from streams.telemetry.metric import Metric
from streams.telemetry.timesheet import Causes
from streams.wiring.process import utc_now

ROUNDS = 9

Call = Callable[[Telemetry], object]


class TelemetryCost(Record):
    """Time on a core that telemetry takes of an image, through all stages."""

    images: int
    stages: int
    calls_per_image: float
    cpu_us_per_image: float
    """With telemetry minus without it."""
    cpu_us_per_image_and_stage: float
    scrape_ms: float
    """Time on a core that answering ``/metrics`` once takes."""
    tracing: TracingCost | None = None
    """None where OpenTelemetry is not installed."""


class Recorder(Telemetry):
    """Telemetry that also keeps every call, to be made again."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.batches = 0

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Add to a counter."""
        self.calls.append(lambda telemetry: telemetry.count(metric, *labels, by=by))

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge."""
        self.calls.append(lambda telemetry: telemetry.set(metric, value, *labels))

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add an observation."""
        self.batches += metric is BATCH_MESSAGES
        self.calls.append(lambda telemetry: telemetry.observe(metric, value, *labels))

    @contextmanager
    def spending(self, stage: str, lane: str, activity: Activity) -> Iterator[None]:
        """Keep the beginning and the end of a block."""
        with self._kept(lambda telemetry: telemetry.spending(stage, lane, activity)):
            yield

    @contextmanager
    def waiting(self, stage: str, lane: str, causes: Causes) -> Iterator[None]:
        """Keep the beginning and the end of a wait."""
        with self._kept(lambda telemetry: telemetry.waiting(stage, lane, causes)):
            yield

    @contextmanager
    def _kept(self, block: Callable[[Telemetry], AbstractContextManager[None]]) -> Iterator[None]:
        blocks: list[AbstractContextManager[None]] = []

        def begin(telemetry: Telemetry) -> None:
            blocks.append(block(telemetry))
            blocks[-1].__enter__()

        self.calls.append(begin)
        try:
            yield
        finally:
            self.calls.append(lambda telemetry: blocks.pop().__exit__(None, None, None))


class Silent(Telemetry):
    """Telemetry that is off."""

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Do nothing."""

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Do nothing."""

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Do nothing."""

    def spending(self, stage: str, lane: str, activity: Activity) -> AbstractContextManager[None]:
        """Do nothing."""
        return NOWHERE

    def waiting(self, stage: str, lane: str, causes: Causes) -> AbstractContextManager[None]:
        """Do nothing."""
        return NOWHERE


NOWHERE: AbstractContextManager[None] = nullcontext()


def measure_telemetry_cost(pipeline: Pipeline, *, images: int) -> TelemetryCost:
    """Run images of 128 x 128 px through the embedded pipeline, then make the calls of that run again, on and off."""
    recorder = Recorder()
    with trial(pipeline, telemetry=recorder) as under:
        under.run(SourceFile(name, partial(first, data)) for name, data in small_images(images))
        events = list(under.results.events())
    if len(events) < images:
        raise RuntimeError(f"{len(events)} of {images} images were selected")
    on, off = Telemetry(), Silent()
    told = _told(events, stages=len(pipeline.stages), batches=recorder.batches)
    taken_s = [_made(recorder.calls, on) - _made(recorder.calls, off) + _made(told, off) for _ in range(ROUNDS)]
    cpu_us = 1e6 * median(taken_s) / images
    return TelemetryCost(
        images=images,
        stages=len(pipeline.stages),
        calls_per_image=round(len(recorder.calls) / images, 1),
        cpu_us_per_image=round(cpu_us, 1),
        cpu_us_per_image_and_stage=round(cpu_us / len(pipeline.stages), 1),
        scrape_ms=round(1000 * _on_core(partial(generate_latest, on.registry)), 2),
        tracing=measure_tracing_cost(pipeline, events),
    )


def _told(events: Sequence[ImageEvent], *, stages: int, batches: int) -> list[Call]:
    """Return what else is off when telemetry is: at each stage every event is looked at for what is new in it.

    One batch of them all the time: when they are looked at, somebody has just made them.
    """
    at_once = max(1, stages * len(events) // batches)
    some = events[:at_once]
    news = [Answered(event.but(noise=None, selection=None), event) for event in some]
    quiet = [Answered(event, event) for event in some]
    by_stage = [news, *[quiet] * (stages - 1)]
    turns = len(events) // at_once
    return [partial(note_answers, stage="", lane=LIVE, answers=b, now=utc_now()) for b in by_stage * turns]


def _made(calls: Sequence[Call], telemetry: Telemetry) -> float:
    def make() -> None:
        for call in calls:
            call(telemetry)

    return _on_core(make)


def _on_core(work: Callable[[], object]) -> float:
    start_s = time.thread_time()
    work()
    return time.thread_time() - start_s
