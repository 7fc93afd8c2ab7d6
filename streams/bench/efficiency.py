"""How much of the machine the pipeline leaves to the stages: the embedded run against a bare loop of stage calls."""

import io
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol

import numpy as np
import tifffile
from numpy.typing import NDArray

from schemas.model import Record
from stages.simulation.series import simulated_images
from stages.stage import Stage
from streams.bench.embedding import trial
from streams.bench.fields import Sight, sight_of
from streams.bench.rehearsal import rehearse
from streams.pipeline import Pipeline
from streams.source import SourceFile, first
from streams.telemetry import SECONDS, Activity
from streams.wiring.process import use_one_thread_a_slot

SIZE_PX = 512


class Run(Protocol):
    """Takes images through a pipeline; returns the seconds, and those of the workers by stage and activity."""

    def __call__(
        self, pipeline: Pipeline, files: Sequence[bytes], *, cores: int
    ) -> tuple[float, dict[str, dict[str, float]]]:
        """Run it."""


class Efficiency(Record):
    """What a pipeline's runs came to."""

    images: int
    bare_images_per_s: float
    embedded_images_per_s: float
    efficiency: float
    """Embedded over bare."""
    overhead_ms_per_image: float
    """Core-milliseconds that an image costs beyond its stage calls."""
    overhead_ms_per_image_and_stage: float
    worker_ms_per_image: dict[str, dict[str, float]]
    """Where the workers' time goes, by stage and activity."""


def measure_efficiency(pipeline: Pipeline, *, images: int, seed: int = 7, run: "Run | None" = None) -> Efficiency:
    """Run the same images through a bare loop and through the embedded pipeline, or ``run``, on the same cores.

    The bare loop keeps every core busy with one image at a time, frames in memory, one thread a call; its rate is the
    mean of a pass before and a pass after the embedded run.
    """
    cores = len(os.sched_getaffinity(0))
    use_one_thread_a_slot()
    files = [_tiff(image.noisy) for image in simulated_images(images=images, seed=seed, size_px=SIZE_PX)]
    sights = [sight_of(data) for data in files]
    bare_loop(pipeline.stages, sights[:cores], cores=cores)
    before = bare_loop(pipeline.stages, sights, cores=cores)
    seconds, handlers = (run or _embedded_seconds)(pipeline, files, cores=cores)
    bare_s = (before + bare_loop(pipeline.stages, sights, cores=cores)) / 2
    overhead_ms = 1000 * cores * (seconds - bare_s) / images
    return Efficiency(
        images=images,
        bare_images_per_s=round(images / bare_s, 3),
        embedded_images_per_s=round(images / seconds, 3),
        efficiency=round(bare_s / seconds, 3),
        overhead_ms_per_image=round(overhead_ms, 2),
        overhead_ms_per_image_and_stage=round(overhead_ms / len(pipeline.stages), 2),
        worker_ms_per_image={
            stage: {name: round(1000 * value / images, 2) for name, value in activities.items()}
            for stage, activities in handlers.items()
        },
    )


def bare_loop(stages: Sequence[Stage], sights: Sequence[Sight], *, cores: int) -> float:
    """Seconds that the stage calls alone take, on so many threads."""
    start = time.perf_counter()
    with ThreadPoolExecutor(cores) as pool:
        for rehearsed in pool.map(partial(rehearse, stages), sights, map(str, range(len(sights)))):
            if rehearsed.event.selection is None:
                raise RuntimeError("the pipeline selects nothing, so there is nothing to compare")
    return time.perf_counter() - start


def _embedded_seconds(
    pipeline: Pipeline, files: Sequence[bytes], *, cores: int
) -> tuple[float, dict[str, dict[str, float]]]:
    with trial(pipeline, cores=cores) as under:
        start = time.perf_counter()
        under.run(SourceFile(f"{number:05d}.tif", partial(first, data)) for number, data in enumerate(files))
        seconds = time.perf_counter() - start
        if under.progress.selected != len(files):
            raise RuntimeError(f"{under.progress.selected} of {len(files)} images were selected")
        telemetry = under.parts.telemetry
        names = [stage.name for stage in pipeline.stages]
        return seconds, {s: {a.value: telemetry.total(SECONDS, stage=s, activity=a) for a in Activity} for s in names}


def _tiff(levels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, levels, photometric="minisblack", metadata=None)
    return file.getvalue()
