"""The same images through one worker process at real services, for `streams.bench.efficiency`."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from schemas.events import ImageEvent
from streams.bench.own_lane import OwnLane, Reader, read
from streams.feed import Feed, Window
from streams.formats.sandbox import Decoder
from streams.pipeline import Pipeline
from streams.ports import ObjectStore, Outgoing
from streams.settings import Settings
from streams.shift import Shift
from streams.source import SourceFile, first
from streams.telemetry import SECONDS, Activity, Telemetry
from streams.wiring.process import utc_now
from streams.wiring.worker import connected

SERVERS = ("kafka.Kafka", "versitygw", "minio", "redis-server", "postgres")
"""What the command lines of the local stack's servers have in them."""
EVERYTHING = Window(max_images=1 << 30, max_bytes=1 << 60)


@dataclass
class Collected:
    """Takes events instead of a broker, so that images can be stored before the clock runs."""

    events: list[Outgoing] = field(default_factory=list)

    def publish(self, events: Iterable[Outgoing]) -> None:
        """Keep them."""
        self.events.extend(events)

    def close(self) -> None:
        """Nothing to close."""

    def published(self, event: ImageEvent) -> None:
        """Nothing to do."""

    def failed(self, name: str, reason: str) -> None:
        """Refuse to measure without an image."""
        raise RuntimeError(f"{name}: {reason}")

    def skipped(self, name: str, reason: str) -> None:
        """Refuse to measure without an image."""
        raise RuntimeError(f"{name}: {reason}")


@dataclass
class ServicesRun:
    """One run, as `measure_efficiency` calls it; afterwards ``servers_cpu_share`` is of the machine's processors."""

    settings: Settings
    lane: OwnLane
    store: ObjectStore
    open_reader: Callable[[str], Reader]
    servers_cpu_share: float = 0.0

    def __call__(
        self, pipeline: Pipeline, files: Sequence[bytes], *, cores: int
    ) -> tuple[float, dict[str, dict[str, float]]]:
        """Return the seconds from the first event's publication to the last selected one, and the workers' seconds.

        The images are in the store before, and one of them has gone through, so that the worker has its partitions.
        """
        steps = pipeline.steps(self.lane.name)
        events = self._stored(files, steps[0].consumes)
        reader = self.open_reader(steps[-1].produces)
        with self._working(pipeline, cores) as telemetry:
            self.lane.publisher.publish(events[:1])
            read(reader, 1)
            before = self._spent(pipeline, telemetry)
            servers_s, start = _servers_cpu_s(), time.perf_counter()
            self.lane.publisher.publish(events[1:])
            read(reader, len(files))
            seconds = time.perf_counter() - start
            self.servers_cpu_share = (_servers_cpu_s() - servers_s) / (seconds * cores)
            after = self._spent(pipeline, telemetry)
        return seconds, {s: {a: after[s][a] - before[s][a] for a in after[s]} for s in after}

    def _stored(self, files: Sequence[bytes], topic: str) -> list[Outgoing]:
        """Store the images, and one to begin with: the first, with a byte behind its end, so that it is another one."""
        collected = Collected()
        named = [("first.tif", files[0] + b"\0"), *((f"{number:05d}.tif", data) for number, data in enumerate(files))]
        sources = [SourceFile(name, partial(first, data)) for name, data in named]
        with Decoder(children=1) as decoder:
            feed = Feed(self.store, decoder, collected, EVERYTHING, topic, "/bench", utc_now)
            feed.run(sources, collected)
        return collected.events

    @contextmanager
    def _working(self, pipeline: Pipeline, cores: int) -> Iterator[Telemetry]:
        worker = self.settings.worker.model_copy(update={"state": self.lane.folder / "node"})
        settings = Settings.load(self.lane.settings_file, {}).model_copy(update={"worker": worker})
        stages = [stage.name for stage in pipeline.stages]
        with connected(settings, pipeline, stages=stages, lanes=[self.lane.name], threads=cores) as parts:
            shift = Shift(parts.crews, deadline_s=30)
            thread = threading.Thread(target=shift.run)
            thread.start()
            try:
                yield parts.telemetry
            finally:
                shift.stop()
                thread.join()

    def _spent(self, pipeline: Pipeline, telemetry: Telemetry) -> dict[str, dict[str, float]]:
        names = [stage.name for stage in pipeline.stages]
        return {s: {a.value: telemetry.total(SECONDS, stage=s, activity=a) for a in Activity} for s in names}


def _servers_cpu_s() -> float:
    """Processor time that the servers on this machine have used so far; of those that still run."""
    return sum(_cpu_s(place) for place in Path("/proc").glob("[0-9]*") if _is_server(place))


def _is_server(place: Path) -> bool:
    try:
        command = (place / "cmdline").read_bytes().decode(errors="replace")
    except OSError:  # it has ended meanwhile
        return False
    return any(name in command for name in SERVERS) and "python" not in command


def _cpu_s(place: Path) -> float:
    try:
        fields = (place / "stat").read_text(encoding="utf-8", errors="replace").rsplit(") ", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / 100
