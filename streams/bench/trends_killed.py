"""What images feel of the trends: timed one by one without them, beside them, and while they are killed."""

import secrets
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.model import Record
from stages.simulation.series import simulated_images
from streams.bench.at_services import ServicesRun
from streams.bench.chart import Bars, Chart
from streams.bench.efficiency import tiff_of
from streams.bench.hops import Hop, hop_of, there_and_back
from streams.bench.own_lane import READY_S, Reader, read
from streams.errors import UsageError
from streams.topic_log import TopicLog
from streams.transport import Message, Outgoing
from streams.trends.desk import TrendsDesk, begun, kept
from streams.trends.observation import parsed
from streams.trends.watch import InstrumentWatch, observed

SIZE_PX = 128
PHASES = 3
LOOK_S = 0.2


class TrendsKilled(Record):
    """Milliseconds from publishing an image to reading its selected event, and what became of both."""

    images: int
    """Of each phase."""
    without: Hop
    beside: Hop
    killed: Hop
    """From the kill on, with nobody there."""
    published: int
    selected: int
    """Selected events, however often an image has one."""
    distinct: int
    """Images that have one."""
    charted: int
    """Images that the table holds after it was started again; all that were published, where nothing was lost."""
    held: bool
    """Whether all that the table holds is what the observations come to in their order, with no kill between."""

    @property
    def holds(self) -> bool:
        """Whether every image was selected once and charted once."""
        return self.held and self.selected == self.distinct == self.charted == self.published

    def figures(self) -> dict[str, object]:
        """Return them."""
        return {**self.model_dump(mode="json"), "holds": self.holds}

    def charts(self) -> list[Chart]:
        """Return a chart of the waits."""
        hops = {"without": self.without, "beside": self.beside, "killed": self.killed}
        series = {f"p{share}": [getattr(hop, f"p{share}_ms") for hop in hops.values()] for share in (50, 95, 99)}
        return [Bars("An image's way beside the trends", "ms", "the trends are", list(hops), series)]


def measure_trends_killed(run: ServicesRun, log: TopicLog, *, images: int) -> TrendsKilled:
    """Send small simulated images one at a time through every stage, cheap filters, and wait for each at the end.

    The trends are killed with -9 while the first image of the third phase is under way, and started again in the end.
    """
    lane, steps = run.lane, run.lane.pipeline.steps(run.lane.name)
    drawn = simulated_images(images=PHASES * images, seed=secrets.randbits(31), size_px=SIZE_PX)
    events = run.stored([tiff_of(image.noisy) for image in drawn], steps[0].consumes)
    reader, charts = run.open_reader(steps[-1].produces), Charts(log, TrendsDesk(lane.name))
    first, rest = events[:1], events[1:]
    alone, beside, after = (rest[n * images : (n + 1) * images] for n in range(PHASES))
    with lane.worker([step.stage.name for step in steps]):
        _timed(run, reader, first)
        without_ms = _timed(run, reader, alone)
        with lane.trends() as trends:
            charts.wait_for(len(first) + images, trends)
            beside_ms = _timed(run, reader, beside)
            lane.publisher.publish(after[:1])
            trends.send_signal(signal.SIGKILL)
            read(reader, 1)
            killed_ms = _timed(run, reader, after[1:])
            if trends.wait(READY_S) != -signal.SIGKILL:
                raise RuntimeError(f"the trends ended with {trends.returncode} before they were killed")
        with lane.trends() as trends:
            charts.wait_for(len(events), trends)
    selected = [message.key for message in log.read(steps[-1].produces, log.extent(steps[-1].produces))]
    watch = charts.watch()
    return TrendsKilled(
        images=images,
        without=hop_of(without_ms),
        beside=hop_of(beside_ms),
        killed=hop_of(killed_ms),
        published=len(events),
        selected=len(selected),
        distinct=len({*selected}),
        charted=charts.images(),
        held=watch == charts.computed(),
    )


@dataclass(frozen=True)
class Charts:
    """What the trends have written of the one instrument that simulated images come from."""

    log: TopicLog
    desk: TrendsDesk

    def watch(self) -> InstrumentWatch | None:
        """Return the latest state in the table's changelog."""
        latest = max(self._read(self.desk.changelog), key=lambda message: message.offset, default=None)
        return kept(latest.value) if latest else None

    def computed(self) -> InstrumentWatch | None:
        """Return what the observations come to, in their order and with no process between."""
        watch: InstrumentWatch | None = None
        for message in sorted(self._read(self.desk.observations), key=lambda message: message.offset):
            seen = parsed(message.value or b"")
            watch, _ = observed(watch or begun(seen), seen)
        return watch

    def images(self) -> int:
        """Count the images that the table holds."""
        watch = self.watch()
        return watch.images if watch else 0

    def wait_for(self, images: int, trends: "subprocess.Popen[bytes]") -> None:
        """Wait until so many are charted; raises `TimeoutError`, or `RuntimeError` where the trends have ended."""
        deadline = time.monotonic() + READY_S
        while (charted := self.images()) < images:
            if trends.poll() is not None:
                raise RuntimeError(f"the trends ended with {trends.returncode}, {charted} of {images} images charted")
            if time.monotonic() > deadline:
                raise TimeoutError(f"the trends charted {charted} of {images} images in {READY_S:.0f} s")
            time.sleep(LOOK_S)

    def _read(self, topic: str) -> list[Message]:
        """Read what a topic holds; one that the trends have not made yet holds nothing."""
        try:
            extent = self.log.extent(topic)
        except UsageError:
            return []
        return list(self.log.read(topic, extent))


def _timed(run: ServicesRun, reader: Reader, events: Sequence[Outgoing]) -> list[float]:
    return [there_and_back(run.lane, reader, event).taken_ms for event in events]
