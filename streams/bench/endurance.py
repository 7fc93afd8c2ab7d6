"""Many small images through the embedded mode, to see whether one is lost and whether memory grows."""

from functools import partial
from pathlib import Path

from schemas.model import Record
from streams.bench.embedding import trial
from streams.bench.small_images import small_images
from streams.embedded import Progress
from streams.pipeline import Pipeline
from streams.source import SourceFile, first


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
        under.run(SourceFile(name, partial(first, data)) for name, data in small_images(images))
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
