"""What worker processes at real services get done, and what they take of the machine meanwhile."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from deploy.local.keeper import free_port
from schemas.model import Record
from stages.simulation.series import simulated_images
from streams.bench.at_services import ServicesRun
from streams.bench.efficiency import SIZE_PX, tiff_of
from streams.bench.own_lane import READY_S, read
from streams.bench.scraped import Scraped, scraped, wait_until_ready
from streams.bench.usage import MachineUsage, Usage, listeners, watching
from streams.errors import InvalidImage, UsageError
from streams.formats.sandbox import Decoder
from streams.metered_store import GET, PUT
from streams.settings import Settings
from streams.source import SourceFile, folder_files
from streams.telemetry import Activity, Thread
from streams.telemetry.activity import ACTIVITIES, WAITS
from streams.telemetry.catalogue import GPU_UTILISATION, STORE_OBJECT_BYTES, WORKER_SECONDS
from streams.telemetry.metric import Metric

MB = 1e6
WORKERS = "workers"
HERE = ("127.0.0.1", "localhost", "::1")
Crews = Sequence[Sequence[str]]
"""The stages of each worker process."""


class Load(Record):
    """What images through so many worker processes came to."""

    processes: int
    threads: int
    """Stage calls at one time in each."""
    node_cache: bool
    images: int
    seconds: float
    images_per_s: float
    mb_per_s: float
    """Of the images' files."""
    usage: dict[str, Usage]
    """Of the workers, and of each server that is on this machine."""
    machine: MachineUsage
    gpu: float | None
    """Share of the time in which the workers' GPUs were at work; None where they use none."""
    shares: dict[str, float]
    """Of the time in which threads that answer were at work, by activity; waits, for a slot too, do not count."""
    read_mb_per_image: float
    """From the store; copies on the node do not count."""
    written_mb_per_image: float
    reads_per_image: float

    @property
    def io_share(self) -> float:
        """Share of the working time that was spent on fetching and storing frames."""
        return self.shares[Activity.FETCH] + self.shares[Activity.STORE]


@dataclass(frozen=True)
class Files:
    """Image files; simulated ones are new for every run, so that the store has to write what is made of them."""

    folder: Path | None
    images: int

    def drawn(self, seed: int) -> list[bytes]:
        """Return the files of one run."""
        if self.folder is not None:
            return list(_files_of(self.folder, self.images))
        images = simulated_images(images=self.images, seed=seed, size_px=SIZE_PX)
        return [tiff_of(image.noisy) for image in images]


def _files_of(folder: Path, at_most: int) -> Iterator[bytes]:
    """Yield the files of a folder that can be read; raises `UsageError` where there is none."""
    found = 0
    with Decoder(children=1) as decoder:
        for file in folder_files(folder):
            if found < at_most and isinstance(file, SourceFile) and file.looks_like_an_image:
                try:
                    data = file.read(-1)
                    decoder.describe(data)
                except (InvalidImage, OSError):
                    continue
                found += 1
                yield data
    if not found:
        raise UsageError(f"{folder} holds no image that can be read; semstream run {folder} says why of each")


@dataclass
class Gpus:
    """Notes how busy the GPUs of some processes are."""

    ports: Sequence[int]
    seen: list[float] = field(default_factory=list)

    def look(self) -> None:
        """Ask every process once."""
        for port in self.ports:
            share = scraped(port).mean(GPU_UTILISATION)
            if share is not None:
                self.seen.append(share)

    @property
    def share(self) -> float | None:
        """The mean of what was seen."""
        return round(sum(self.seen) / len(self.seen), 3) if self.seen else None


def measure_load(run: ServicesRun, files: Sequence[bytes], crews: Crews, *, threads: int, node_cache: bool) -> Load:
    """Answer images by these worker processes of one node, from the first event's publication to the last selected.

    The images are in the store before, and one has gone through; no outcome of an earlier run answers for any.
    """
    steps = run.lane.pipeline.steps(run.lane.name)
    events = run.stored(files, steps[0].consumes, version=f"bench-{uuid4().hex}")
    reader = run.open_reader(steps[-1].produces)
    ports = [free_port() for _ in crews]
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                run.lane.worker(stages, threads=threads, variables=_variables(run, port, node_cache=node_cache))
            )
            for stages, port in zip(crews, ports, strict=True)
        ]
        for port in ports:
            wait_until_ready(port, patience_s=READY_S)
        run.lane.publisher.publish(events[:1])
        read(reader, 1)
        before, gpus = [scraped(port) for port in ports], Gpus(ports)
        groups = {WORKERS: {process.pid for process in started}, **servers_here(run.settings)}
        with watching(groups, gpus.look) as watched:
            start_s = time.perf_counter()
            run.lane.publisher.publish(events[1:])
            read(reader, len(files))
            seconds = time.perf_counter() - start_s
        grown = Grown(before, [scraped(port) for port in ports])
    return Load(
        processes=len(crews),
        threads=threads,
        node_cache=node_cache,
        images=len(files),
        seconds=round(seconds, 3),
        images_per_s=round(len(files) / seconds, 3),
        mb_per_s=round(sum(map(len, files)) / MB / seconds, 3),
        usage=watched.groups,
        machine=watched.machine,
        gpu=gpus.share,
        shares=grown.shares(),
        read_mb_per_image=round(grown.by(STORE_OBJECT_BYTES, "_sum", call=GET) / MB / len(files), 4),
        written_mb_per_image=round(grown.by(STORE_OBJECT_BYTES, "_sum", call=PUT) / MB / len(files), 4),
        reads_per_image=round(grown.by(STORE_OBJECT_BYTES, "_count", call=GET) / len(files), 3),
    )


@dataclass(frozen=True)
class Grown:
    """By how much the counters of some processes have grown."""

    before: Sequence[Scraped]
    after: Sequence[Scraped]

    def by(self, metric: Metric, part: str = "", **labels: str) -> float:
        """Return it, summed over the processes."""
        ends = (sum(one.total(metric, part, **labels) for one in some) for some in (self.after, self.before))
        return next(ends) - next(ends)

    def shares(self) -> dict[str, float]:
        """Return the shares of the time in which threads that answer were at work, by activity."""
        worked = [activity for activity in ACTIVITIES[Thread.HANDLER] if activity not in {*WAITS, Activity.SLOT}]
        seconds = {one.value: self.by(WORKER_SECONDS, thread=Thread.HANDLER, activity=one) for one in worked}
        total = sum(seconds.values()) or 1.0
        return {name: round(value / total, 4) for name, value in seconds.items()}


def servers_here(settings: Settings) -> dict[str, set[int]]:
    """Return the processes of the services that are on this machine, by service."""
    urls = {
        "kafka": f"kafka://{settings.kafka.bootstrap_servers.split(',')[0]}",
        "s3": settings.s3.endpoint_url or "",
        "redis": settings.redis.url if settings.redis else "",
        "postgres": settings.postgres.url,
    }
    places = {name: urlsplit(url) for name, url in urls.items()}
    found = {name: listeners(url.port) for name, url in places.items() if url.port and url.hostname in HERE}
    return {name: pids for name, pids in found.items() if pids}


def _variables(run: ServicesRun, port: int, *, node_cache: bool) -> dict[str, str]:
    """Return what the worker processes of one node share, and where each tells its metrics."""
    return {
        "SEMSTREAM_WORKER_METRICS_PORT": str(port),
        "SEMSTREAM_WORKER_STATE": str(run.lane.folder / "node"),
        **({} if node_cache else {"SEMSTREAM_WORKER_NODE_CACHE_BYTES": "0"}),
    }
