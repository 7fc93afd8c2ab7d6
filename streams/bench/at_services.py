"""How much of the machine real services leave to the stages: a worker process against a bare loop of stage calls."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from schemas.model import Record
from stages.simulation.series import simulated_images
from streams.bench.efficiency import SIZE_PX, bare_loop, tiff_of
from streams.bench.fields import sight_of
from streams.bench.own_lane import OwnLane, Reader, read
from streams.bench.processor_time import used_by
from streams.bench.worker_time import worker_seconds
from streams.formats.sandbox import Decoder
from streams.intake import Intake, Provenance, message_of
from streams.pipeline import Pipeline
from streams.ports import ObjectStore
from streams.settings import Settings
from streams.telemetry import Telemetry
from streams.transport import Outgoing
from streams.wiring.process import use_one_thread_a_slot, utc_now
from streams.wiring.worker import AtWork, lane_at_work

SERVERS = ("kafka.Kafka", "versitygw", "minio", "redis-server", "postgres")
"""What the command lines of the local stack's servers have in them."""


class ServicesEfficiency(Record):
    """What a pipeline's runs came to: a bare loop of stage calls, and one worker process at real services."""

    images: int
    bare_images_per_s: float
    services_images_per_s: float
    efficiency: float
    """Services over bare."""
    overhead_ms_per_image: float
    """Core-milliseconds that an image costs beyond its stage calls, the servers on this machine included."""
    servers_cpu_share: float
    """Of the machine's processors, while images went through."""
    worker_ms_per_image: dict[str, dict[str, float]]
    """Where the worker's time goes, by stage and activity."""


def measure_at_services(pipeline: Pipeline, run: "ServicesRun", *, images: int, seed: int) -> ServicesEfficiency:
    """Run the same images through a bare loop, before and after, and through a worker at real services.

    Of a seed that was used before the services know the outcomes, and nothing is computed.
    """
    cores = len(os.sched_getaffinity(0))
    use_one_thread_a_slot()
    files = [tiff_of(image.noisy) for image in simulated_images(images=images, seed=seed, size_px=SIZE_PX)]
    sights = [sight_of(data) for data in files]
    bare_loop(pipeline.stages, sights[:cores], cores=cores)
    before_s = bare_loop(pipeline.stages, sights, cores=cores)
    seconds, spent = run(pipeline, files, cores=cores)
    bare_s = (before_s + bare_loop(pipeline.stages, sights, cores=cores)) / 2
    return ServicesEfficiency(
        images=images,
        bare_images_per_s=round(images / bare_s, 3),
        services_images_per_s=round(images / seconds, 3),
        efficiency=round(bare_s / seconds, 3),
        overhead_ms_per_image=round(1000 * cores * (seconds - bare_s) / images, 2),
        servers_cpu_share=round(run.servers_cpu_share, 3),
        worker_ms_per_image={
            stage: {name: round(1000 * value / images, 2) for name, value in activities.items()}
            for stage, activities in spent.items()
        },
    )


@dataclass
class ServicesRun:
    """One run; afterwards ``servers_cpu_share`` is of the machine's processors."""

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
        events = self.stored(files, steps[0].consumes)
        reader = self.open_reader(steps[-1].produces)
        with self.worker(pipeline, cores) as at_work:
            self.lane.publisher.publish(events[:1])
            read(reader, 1)
            before = self._spent(pipeline, at_work.telemetry)
            servers_s, start = _servers_cpu_s(), time.perf_counter()
            self.lane.publisher.publish(events[1:])
            read(reader, len(files))
            seconds = time.perf_counter() - start
            self.servers_cpu_share = (_servers_cpu_s() - servers_s) / (seconds * cores)
            after = self._spent(pipeline, at_work.telemetry)
        return seconds, {s: {a: after[s][a] - before[s][a] for a in after[s]} for s in after}

    def stored(self, files: Sequence[bytes], topic: str, *, version: str | None = None) -> list[Outgoing]:
        """Store the images, and one to begin with: the first, with a byte behind its end, so that it is another one.

        With a ``version`` that no other run has, nobody knows an outcome of them, even if they went through before.
        """
        intake = Intake(self.store, topic, Provenance("/bench"), utc_now)
        named = [("first.tif", files[0] + b"\0"), *((f"{number:05d}.tif", data) for number, data in enumerate(files))]
        with Decoder(children=1) as decoder:
            events = [intake.event(name, decoder.describe(data), 0, intake.stored(data, name)) for name, data in named]
        if version is not None:
            events = [event.but(image=event.image.but(version=version)) for event in events]
        return [message_of(event, topic) for event in events]

    def worker(
        self, pipeline: Pipeline, cores: int, telemetry: Telemetry | None = None
    ) -> AbstractContextManager[AtWork]:
        """Let a worker of every stage answer in this process while the block runs."""
        node = self.settings.worker.model_copy(update={"state": self.lane.folder / "node"})
        settings = Settings.load(self.lane.settings_file, {}).model_copy(update={"worker": node})
        return lane_at_work(settings, pipeline, self.lane.name, threads=cores, telemetry=telemetry)

    def _spent(self, pipeline: Pipeline, telemetry: Telemetry) -> dict[str, dict[str, float]]:
        return {stage.name: worker_seconds(telemetry, stage.name) for stage in pipeline.stages}


def _servers_cpu_s() -> float:
    """Processor time that the servers on this machine have used so far; of those that still run."""
    return sum(used_by(int(place.name)) for place in Path("/proc").glob("[0-9]*") if _is_server(place))


def _is_server(place: Path) -> bool:
    try:
        command = (place / "cmdline").read_bytes().decode(errors="replace")
    except OSError:  # it has ended meanwhile
        return False
    return any(name in command for name in SERVERS) and "python" not in command
