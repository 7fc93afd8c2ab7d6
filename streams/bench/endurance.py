"""Many small images through the embedded mode, to see whether one is lost and whether memory grows."""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import tifffile

from schemas.model import Record
from stages.simulation.series import simulated_images
from streams.bench.embedding import trial
from streams.embedded import Progress
from streams.pipeline import Pipeline
from streams.source import SourceFile, first

SIZE_PX = 128
SCENES = 24
"""Scenes drawn; every image is one of them under noise of its own."""


class Endurance(Record):
    """What a long run came to. Nothing is lost when the four counts are equal."""

    images: int
    selected: int
    ledger_settlements: int
    """Answers of the last stage in the ledger."""
    distinct_events: int
    """Acquisitions among the events that came out."""
    rss_mib: dict[int, float]
    """Resident memory when so many images were settled."""

    @property
    def lost(self) -> int:
        """Images that are missing somewhere."""
        return self.images - min(self.selected, self.ledger_settlements, self.distinct_events)


class MemoryWatch:
    """Notes the resident memory of this process at given numbers of settled images."""

    def __init__(self, marks: tuple[int, ...]) -> None:
        self._marks = list(marks)
        self.rss_mib: dict[int, float] = {}

    def __call__(self, progress: Progress) -> None:
        """Look."""
        while self._marks and progress.settled >= self._marks[0]:
            self.rss_mib[self._marks.pop(0)] = rss_mib()


def rss_mib() -> float:
    """Resident memory of this process, from the kernel's account."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return round(int(line.split()[1]) / 1024, 1)


def measure_endurance(pipeline: Pipeline, *, images: int) -> Endurance:
    """Send so many images of 128 x 128 px through the pipeline and count what came out."""
    marks = tuple(sorted({max(1, images // 6), images // 2, images}))
    watch = MemoryWatch(marks)
    with trial(pipeline, show=watch) as under:
        under.run(_sources(images))
        watch(under.progress)
        last = pipeline.stages[-1].name
        settled = [settlement for settlement in under.parts.ledger.history("")[1] if settlement.id.stage == last]
        distinct = {event.acquisition.acquisition_id for event in under.results.events()}
    return Endurance(
        images=images,
        selected=under.progress.selected,
        ledger_settlements=len(settled),
        distinct_events=len(distinct),
        rss_mib=watch.rss_mib,
    )


def _sources(images: int) -> Iterator[SourceFile]:
    scenes = [image.noisy.astype(np.int16) for image in simulated_images(images=SCENES, seed=7, size_px=SIZE_PX)]
    for number in range(images):
        rng = np.random.default_rng(number)
        noise = np.rint(rng.normal(0, 6, (SIZE_PX, SIZE_PX))).astype(np.int16)
        file = io.BytesIO()
        levels = np.clip(scenes[number % SCENES] + noise, 0, 255).astype(np.uint8)
        tifffile.imwrite(file, levels, photometric="minisblack", metadata=None)
        yield SourceFile(f"{number:05d}.tif", partial(first, file.getvalue()))
