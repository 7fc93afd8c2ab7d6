"""How much of the machine the pipeline leaves to the stages: the embedded run against a bare loop of stage calls."""

import io
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import tifffile
from numpy.typing import NDArray

from schemas.model import Record
from stages.simulation.series import simulated_images
from stages.stage import Stage
from streams.bench.embedding import trial
from streams.bench.fields import Sight, sight_of
from streams.bench.processor_time import ProcessorTime, processor_time
from streams.bench.rehearsal import rehearse
from streams.bench.worker_time import OnCore, worker_seconds
from streams.embedded import Progress
from streams.pipeline import Pipeline
from streams.source import SourceFile, first
from streams.telemetry import Telemetry
from streams.wiring.process import use_one_thread_a_slot

SIZE_PX = 512
FEED = "feed"


class CoreTime(Record):
    """Milliseconds of a core that an image took in the embedded run, by who used them.

    Not by the clock: cores that had nothing to do, or that other processes had, do not count.
    """

    bare_loop: float
    """The stage calls alone."""
    computing: float
    """The same stage calls in the run."""
    stages: dict[str, float]
    """A stage's threads beside its stage calls: events, recall, fetch, store, settle, commit."""
    feed: float
    results: float
    """Writing results and certificates, and watching the run."""
    decoders: float
    """The children that read image files, and their start."""
    kafka: float
    """librdkafka and the in-process broker: all that is left of the process."""

    @property
    def overhead(self) -> float:
        """Everything beside the stage calls."""
        return sum(self.stages.values()) + self.feed + self.results + self.decoders + self.kafka

    @property
    def overhead_of_a_stage(self) -> float:
        """What is a stage's own, Kafka's share included; the feed, the decoders and the results belong to the run."""
        return (sum(self.stages.values()) + self.kafka) / len(self.stages)


class Efficiency(Record):
    """What a pipeline's runs came to."""

    images: int
    bare_images_per_s: float
    embedded_images_per_s: float
    efficiency: float
    """Embedded over bare."""
    overhead_ms_per_image: float
    """Core-milliseconds that an image costs beyond its stage calls, by the clock: idle cores count."""
    overhead_ms_per_image_and_stage: float
    core_ms_per_image: CoreTime
    worker_ms_per_image: dict[str, dict[str, float]]
    """Where the workers' time goes, by stage and activity."""


@dataclass(frozen=True)
class _Run:
    """What a run took."""

    seconds: float
    used: ProcessorTime
    telemetry: OnCore


def measure_efficiency(pipeline: Pipeline, *, images: int, seed: int = 7) -> Efficiency:
    """Run the same images through a bare loop and through the embedded pipeline, on the same cores.

    The bare loop keeps every core busy with one image at a time, frames in memory, one thread a call; its rate is the
    mean of a pass before and a pass after the embedded run.
    """
    cores = len(os.sched_getaffinity(0))
    use_one_thread_a_slot()
    files = [tiff_of(image.noisy) for image in simulated_images(images=images, seed=seed, size_px=SIZE_PX)]
    sights = [sight_of(data) for data in files]
    bare_loop(pipeline.stages, sights[:cores], cores=cores)
    with processor_time() as bare:
        before_s = bare_loop(pipeline.stages, sights, cores=cores)
    run = _embedded(pipeline, files, cores=cores)
    bare_s = (before_s + bare_loop(pipeline.stages, sights, cores=cores)) / 2
    overhead_ms = 1000 * cores * (run.seconds - bare_s) / images
    names = [stage.name for stage in pipeline.stages]
    return Efficiency(
        images=images,
        bare_images_per_s=round(images / bare_s, 3),
        embedded_images_per_s=round(images / run.seconds, 3),
        efficiency=round(bare_s / run.seconds, 3),
        overhead_ms_per_image=round(overhead_ms, 2),
        overhead_ms_per_image_and_stage=round(overhead_ms / len(names), 2),
        core_ms_per_image=_core_time(run, names, bare_s=bare.process_s, images=images),
        worker_ms_per_image={name: _spent_ms(run.telemetry, name, images) for name in names},
    )


def bare_loop(stages: Sequence[Stage], sights: Sequence[Sight], *, cores: int) -> float:
    """Seconds that the stage calls alone take, on so many threads."""
    start = time.perf_counter()
    with ThreadPoolExecutor(cores) as pool:
        for rehearsed in pool.map(partial(rehearse, stages), sights, map(str, range(len(sights)))):
            if rehearsed.event.selection is None:
                raise RuntimeError("the pipeline selects nothing, so there is nothing to compare")
    return time.perf_counter() - start


def _embedded(pipeline: Pipeline, files: Sequence[bytes], *, cores: int) -> _Run:
    with processor_time() as whole:

        def published() -> Iterator[SourceFile]:
            start_s = time.thread_time()
            for number, data in enumerate(files):
                yield SourceFile(f"{number:05d}.tif", partial(first, data))
            whole.threads_s[FEED] = time.thread_time() - start_s  # that thread does not live to the end

        def note_the_end(progress: Progress) -> None:
            if progress.selected == len(files):
                whole.note_threads()

        telemetry = OnCore()
        with trial(pipeline, cores=cores, show=note_the_end, telemetry=telemetry) as under, processor_time() as used:
            start_s = time.perf_counter()
            under.run(published())
            seconds = time.perf_counter() - start_s
            if under.progress.selected != len(files):
                raise RuntimeError(f"{under.progress.selected} of {len(files)} images were selected")
    # The children are waited for when the trial ends; the caller has a life before and after the run.
    used.children_s, used.threads_s = whole.children_s, whole.threads_s
    return _Run(seconds, used, telemetry)


def _core_time(run: _Run, names: Sequence[str], *, bare_s: float, images: int) -> CoreTime:
    computing_s = run.telemetry.computing_s
    crews_s = {n: sum(s for thread, s in run.used.threads_s.items() if thread.startswith(f"{n}-")) for n in names}
    feed_s = run.used.threads_s[FEED]

    def ms(seconds: float) -> float:
        return round(1000 * seconds / images, 2)

    return CoreTime(
        bare_loop=ms(bare_s),
        computing=ms(sum(computing_s[name] for name in names)),
        stages={name: ms(crews_s[name] - computing_s[name]) for name in names},
        feed=ms(feed_s),
        results=ms(run.used.caller_s),
        decoders=ms(run.used.children_s),
        kafka=ms(run.used.process_s - sum(crews_s.values()) - feed_s - run.used.caller_s),
    )


def _spent_ms(telemetry: Telemetry, stage: str, images: int) -> dict[str, float]:
    return {name: round(1000 * seconds / images, 2) for name, seconds in worker_seconds(telemetry, stage).items()}


def tiff_of(levels: NDArray[np.uint8]) -> bytes:
    """Return the file of an 8-bit image."""
    file = io.BytesIO()
    tifffile.imwrite(file, levels, photometric="minisblack", metadata=None)
    return file.getvalue()
