"""Three views of load: what gets done, what it takes of the machine, and what fetching and storing takes of it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from statistics import fmean

from schemas.model import Record
from streams.bench.at_services import ServicesRun
from streams.bench.chart import Bars, Chart, Lines
from streams.bench.load import Files, Load, measure_load
from streams.telemetry import Activity

OpenRun = Callable[[], AbstractContextManager[ServicesRun]]
"""Prepares a lane, topics and a ledger that no other run uses."""
CACHES = {True: "with node cache", False: "without"}


class Throughput(Record):
    """The same pipeline with one number of worker processes after the other, each of every stage."""

    levels: tuple[Load, ...]

    @property
    def best(self) -> Load:
        """The level with the highest rate."""
        return max(self.levels, key=lambda level: level.images_per_s)

    def figures(self) -> dict[str, object]:
        """Return the best level's rates by name, and everything else."""
        best = self.best
        rates = {"images_per_s": best.images_per_s, "mb_per_s": best.mb_per_s, "processes": best.processes}
        return {**rates, **self.model_dump(mode="json")}

    def charts(self) -> list[Chart]:
        """Return charts of rates and processors."""
        places = [str(level.processes) for level in self.levels]
        groups = list(dict.fromkeys(name for level in self.levels for name in level.usage))
        cpu = {
            name: [100 * level.usage[name].cpu if name in level.usage else 0.0 for level in self.levels]
            for name in groups
        }
        rates = {"images/s": [level.images_per_s for level in self.levels]}
        rates["MB/s"] = [level.mb_per_s for level in self.levels]
        return [
            Lines("Throughput", "a second", "worker processes", places, rates),
            Bars("Processors", "% of all", "worker processes", places, cpu),
        ]


class Utilisation(Record):
    """What one run takes of the machine."""

    load: Load

    def figures(self) -> dict[str, object]:
        """Return them."""
        return self.load.model_dump(mode="json")

    def charts(self) -> list[Chart]:
        """Return charts of processors and disks."""
        usage = self.load.usage
        cpu = {"processors": [100 * one.cpu for one in usage.values()]}
        disk = {
            "read": [one.read_mb_per_s or 0.0 for one in usage.values()],
            "written": [one.written_mb_per_s or 0.0 for one in usage.values()],
        }
        return [
            Bars("Processors", "% of all", "who", list(usage), cpu),
            Bars("Disk", "MB/s", "who", list(usage), disk),
        ]


class CacheIo(Record):
    """What fetching and storing takes, means of some runs."""

    images_per_s: float
    io_share: float
    """Fetching and storing, of the time in which the threads that answer were at work."""
    fetch_share: float
    store_share: float
    read_mb_per_image: float
    written_mb_per_image: float
    reads_per_image: float


class Io(Record):
    """Fetching and storing with the copies of objects on the node's disk, and without."""

    rounds: int
    images: int
    with_node_cache: CacheIo
    without_node_cache: CacheIo

    def figures(self) -> dict[str, object]:
        """Return them."""
        return {"io_share": self.with_node_cache.io_share, **self.model_dump(mode="json")}

    def charts(self) -> list[Chart]:
        """Return charts of time and bytes."""
        both = (self.with_node_cache, self.without_node_cache)
        time = {
            "fetch": [100 * one.fetch_share for one in both],
            "store": [100 * one.store_share for one in both],
        }
        moved = {
            "read": [one.read_mb_per_image for one in both],
            "written": [one.written_mb_per_image for one in both],
        }
        return [
            Bars("Time for the store", "% of work", "copies on the node", list(CACHES.values()), time),
            Bars("Bytes to and from the store", "MB an image", "copies on the node", list(CACHES.values()), moved),
        ]


def measure_throughput(
    open_run: OpenRun, files: Files, processes: Sequence[int], *, threads: int, seed: int
) -> Throughput:
    """Measure each number of processes in a lane of its own, with images of its own."""
    return Throughput(levels=tuple(_level(open_run, files, n, threads=threads, seed=seed + n) for n in processes))


def _level(open_run: OpenRun, files: Files, processes: int, *, threads: int, seed: int) -> Load:
    with open_run() as run:
        crews = [_names(run)] * processes
        return measure_load(run, files.drawn(seed), crews, threads=threads, node_cache=True)


def measure_io(open_run: OpenRun, files: Files, *, rounds: int, seed: int) -> Io:
    """Measure with and without copies in turns, a worker process for each stage, all on one node.

    A process that has every stage keeps frames in memory from one to the next, and would not ask for a copy.
    """
    found: dict[bool, list[Load]] = {True: [], False: []}
    for number in range(2 * rounds):
        node_cache = number % 4 in {0, 3}  # with, without, without, with: a drift of the machine is in both
        with open_run() as run:
            crews = [[name] for name in _names(run)]
            data = files.drawn(seed + number)
            found[node_cache].append(measure_load(run, data, crews, threads=1, node_cache=node_cache))
    images = found[True][0].images
    return Io(rounds=rounds, images=images, with_node_cache=_mean(found[True]), without_node_cache=_mean(found[False]))


def _mean(loads: Sequence[Load]) -> CacheIo:
    return CacheIo(
        images_per_s=round(fmean(load.images_per_s for load in loads), 3),
        io_share=round(fmean(load.io_share for load in loads), 4),
        fetch_share=round(fmean(load.shares[Activity.FETCH] for load in loads), 4),
        store_share=round(fmean(load.shares[Activity.STORE] for load in loads), 4),
        read_mb_per_image=round(fmean(load.read_mb_per_image for load in loads), 4),
        written_mb_per_image=round(fmean(load.written_mb_per_image for load in loads), 4),
        reads_per_image=round(fmean(load.reads_per_image for load in loads), 3),
    )


def _names(run: ServicesRun) -> list[str]:
    return [stage.name for stage in run.lane.pipeline.stages]
