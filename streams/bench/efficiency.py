"""How much of the machine the pipeline leaves to the stages: the embedded run against a bare loop of stage calls."""

import hashlib
import io
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from schemas.events import ImageEvent
from schemas.frame import Frame
from schemas.image import Acquisition, Image, ObjectRef, Roi
from schemas.model import Record
from schemas.scores import RAW
from stages.simulation.series import simulated_images
from stages.stage import Done, Part, Stage, Task
from streams.embedded import EmbeddedRun
from streams.feed import Feed, Window
from streams.pipeline import Pipeline
from streams.results import Results
from streams.source import SourceFile, first
from streams.telemetry import SECONDS, Activity
from streams.wiring import embedded, use_one_thread_a_slot, utc_now

SIZE_PX = 512


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
    handler_ms_per_image: dict[str, dict[str, float]]
    """Where the handlers' time goes, by stage and activity."""


def measure_efficiency(pipeline: Pipeline, *, images: int, seed: int = 7) -> Efficiency:
    """Run the same images through a bare loop and through the embedded pipeline, on the same cores.

    The bare loop keeps every core busy with one image at a time, frames in memory, one thread a call; its rate is the
    mean of a pass before and a pass after the embedded run.
    """
    cores = len(os.sched_getaffinity(0))
    use_one_thread_a_slot()
    files = [image.noisy for image in simulated_images(images=images, seed=seed, size_px=SIZE_PX)]
    bare_loop(pipeline.stages, files[:cores], cores=cores)
    before = bare_loop(pipeline.stages, files, cores=cores)
    seconds, handlers = _embedded_seconds(pipeline, files, cores=cores)
    bare_s = (before + bare_loop(pipeline.stages, files, cores=cores)) / 2
    overhead_ms = 1000 * cores * (seconds - bare_s) / images
    return Efficiency(
        images=images,
        bare_images_per_s=round(images / bare_s, 3),
        embedded_images_per_s=round(images / seconds, 3),
        efficiency=round(bare_s / seconds, 3),
        overhead_ms_per_image=round(overhead_ms, 2),
        overhead_ms_per_image_and_stage=round(overhead_ms / len(pipeline.stages), 2),
        handler_ms_per_image={
            stage: {name: round(1000 * value / images, 2) for name, value in activities.items()}
            for stage, activities in handlers.items()
        },
    )


def bare_loop(stages: Sequence[Stage], files: Sequence[NDArray[np.uint8]], *, cores: int) -> float:
    """Seconds that the stage calls alone take, on so many threads."""
    start = time.perf_counter()
    with ThreadPoolExecutor(cores) as pool:
        for event in pool.map(partial(_through, stages), files):
            if event.selection is None:
                raise RuntimeError("the pipeline selects nothing, so there is nothing to compare")
    return time.perf_counter() - start


def _through(stages: Sequence[Stage], levels: NDArray[np.uint8]) -> ImageEvent:
    event = _event(levels)
    frames = {RAW: Frame(levels.astype(np.float32) / np.float32(255))}
    for stage in stages:
        needed = {name: frames[name] for name in stage.needs(event)}
        (outcome,) = stage([Task(event, tuple(stage.parts(event)), needed)])
        if not isinstance(outcome, Done):
            raise TypeError(f"stage {stage.name} rejected a simulated image: {outcome.reason}")
        frames |= {name: part.frame for name, part in outcome.parts.items() if part.frame is not None}
        event = stage.extend(event, {name: _placed(part, event) for name, part in outcome.parts.items()})
    return event


def _placed(part: Part, event: ImageEvent) -> Record:
    return part.record.but(object=event.image.object) if part.frame else part.record


def _event(levels: NDArray[np.uint8]) -> ImageEvent:
    height, width = levels.shape
    sha256 = hashlib.sha256(levels.tobytes()).hexdigest()
    ref = ObjectRef(store="none", bucket="none", key="none", size_bytes=levels.nbytes, sha256=sha256)
    acquisition = Acquisition(acquisition_id="bench", source="/bench", source_name="bench", published_at=utc_now())
    image = Image(
        image_id=ref.sha256[:32],
        version="bench",
        object=ref,
        page=0,
        page_count=1,
        format="tiff",
        reader="bench",
        width=width,
        height=height,
        dtype="uint8",
        valid_roi=Roi(x=0, y=0, width=width, height=height),
    )
    return ImageEvent(acquisition=acquisition, image=image)


def _embedded_seconds(
    pipeline: Pipeline, files: Sequence[NDArray[np.uint8]], *, cores: int
) -> tuple[float, dict[str, dict[str, float]]]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        with embedded(out / "state", pipeline, cores=cores) as parts:
            results = Results(out, parts.store, parts.frames, parts.decoder, pipeline=pipeline.hash)
            topic = pipeline.steps()[0].consumes

            def feed(window: Window) -> Feed:
                return Feed(parts.store, parts.decoder, parts.publisher, window, topic, "/bench", utc_now)

            run = EmbeddedRun(parts, feed, results, show=lambda progress: None)
            start = time.perf_counter()
            run(_sources(files))
            seconds = time.perf_counter() - start
            if run.progress.selected != len(files):
                raise RuntimeError(f"{run.progress.selected} of {len(files)} images were selected")
            spent = {
                stage.name: {a.value: parts.telemetry.total(SECONDS, stage=stage.name, activity=a) for a in Activity}
                for stage in pipeline.stages
            }
    return seconds, spent


def _sources(files: Sequence[NDArray[np.uint8]]) -> Iterator[SourceFile]:
    for number, levels in enumerate(files):
        file = io.BytesIO()
        tifffile.imwrite(file, levels, photometric="minisblack", metadata=None)
        data = file.getvalue()
        yield SourceFile(f"{number:05d}.tif", partial(first, data))
