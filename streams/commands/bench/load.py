"""``semstream bench``: what real services and worker processes bear, in lanes, topics and databases of their own."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from streams.bench.at_services import ServicesRun
from streams.bench.hops import NOOPS
from streams.bench.load import Files
from streams.bench.load_figures import OpenRun, Utilisation, measure_io, measure_throughput
from streams.bench.load_tables import print_io, print_throughput, print_users, print_utilisation
from streams.bench.users import measure_users
from streams.commands.bench.embedded import CHEAP
from streams.commands.bench.given import give
from streams.commands.interrupts import unwinding_signals
from streams.commands.options import AsJson, OutFolder, SettingsFile
from streams.errors import UsageError
from streams.settings import Settings
from streams.wiring.bench import own_lane, services_run
from streams.wiring.topics import open_publisher

CLIENTS_AT_MOST = 64
PROCESSES_AT_MOST = 64
ImageFolder = Annotated[Path | None, typer.Argument(help="Folder of images; simulated ones when omitted.")]
Threads = Annotated[int, typer.Option(min=1, help="Stage calls at one time in each process.")]
ImagesOfARun = Annotated[int, typer.Option(min=2, help="Images of a run: simulated, 512 x 512 px, or of the folder.")]
OwnPipeline = Annotated[Path | None, typer.Option("--pipeline", help="Pipeline file; cheap filters when omitted.")]


def users(
    *,
    clients: Annotated[
        str, typer.Option(help="How many at one time: numbers, one after the other.")
    ] = "1,2,4,8,16,32,64",
    seconds: Annotated[float, typer.Option(min=1, help="How long each number of clients is measured.")] = 20,
    processes: Annotated[int, typer.Option(min=1, help="Worker processes, each of every stage.")] = 1,
    settings: SettingsFile = None,
    out: OutFolder = None,
    json: AsJson = False,
) -> None:
    """Let clients publish an image, wait for its selected event and publish the next, through stages that do nothing.

    Fairness is the worst client's mean wait over the median client's. The JSON object has the figures of 32 clients.
    """
    found = Settings.load(settings)
    counts = numbers(clients, "--clients", at_most=CLIENTS_AT_MOST)
    with unwinding_signals(), own_lane(found, NOOPS) as (lane, open_reader):
        measured = measure_users(
            lane, open_reader, lambda: open_publisher(found), clients=counts, seconds=seconds, processes=processes
        )
    print_users(Console(), measured)
    give("users", measured, out, json=json)


def numbers(text: str, option: str, *, at_most: int) -> list[int]:
    """Return the numbers that an option lists; raises `UsageError` for what is none or out of bounds.

    >>> numbers("1,2,32", "--clients", at_most=64)
    [1, 2, 32]
    """
    found = [int(part) for part in text.split(",") if part.strip().isdecimal()]
    if len(found) < text.count(",") + 1 or not all(1 <= number <= at_most for number in found):
        raise UsageError(f"{option} {text}: give numbers from 1 to {at_most} with commas between, such as 1,2,4")
    return found


def throughput(
    folder: ImageFolder = None,
    *,
    processes: Annotated[str, typer.Option(help="Worker processes: numbers, one after the other.")] = "1,2,4",
    images: ImagesOfARun = 100,
    threads: Threads = 1,
    pipeline: OwnPipeline = None,
    settings: SettingsFile = None,
    out: OutFolder = None,
    json: AsJson = False,
) -> None:
    """Count images and megabytes a second against the number of worker processes, each of every stage."""
    counts = numbers(processes, "--processes", at_most=PROCESSES_AT_MOST)
    files, open_run = Files(folder, images), _runs(settings, pipeline)
    measured = measure_throughput(open_run, files, counts, threads=threads, seed=secrets.randbits(31))
    print_throughput(Console(), measured)
    give("throughput", measured, out, json=json)


def utilisation(
    folder: ImageFolder = None,
    *,
    processes: Annotated[int, typer.Option(min=1, max=PROCESSES_AT_MOST, help="Worker processes.")] = 2,
    images: ImagesOfARun = 100,
    threads: Threads = 1,
    pipeline: OwnPipeline = None,
    settings: SettingsFile = None,
    out: OutFolder = None,
    json: AsJson = False,
) -> None:
    """Tell what workers and servers take of processors, GPU, disk and network while images go through."""
    files, open_run = Files(folder, images), _runs(settings, pipeline)
    (load,) = measure_throughput(open_run, files, [processes], threads=threads, seed=secrets.randbits(31)).levels
    print_utilisation(Console(), load)
    give("utilisation", Utilisation(load=load), out, json=json)


def io(
    folder: ImageFolder = None,
    *,
    images: ImagesOfARun = 60,
    rounds: Annotated[int, typer.Option(min=1, help="Runs with copies on the node, and as many without.")] = 2,
    pipeline: OwnPipeline = None,
    settings: SettingsFile = None,
    out: OutFolder = None,
    json: AsJson = False,
) -> None:
    """Tell which share of time and which bytes go to and from the object store, with copies on the node and without."""
    files, open_run = Files(folder, images), _runs(settings, pipeline)
    measured = measure_io(open_run, files, rounds=rounds, seed=secrets.randbits(31))
    print_io(Console(), measured)
    give("io", measured, out, json=json)


def _runs(settings: Path | None, pipeline: Path | None) -> OpenRun:
    return partial(_run, Settings.load(settings), pipeline or CHEAP)


@contextmanager
def _run(settings: Settings, pipeline: Path) -> Iterator[ServicesRun]:
    with unwinding_signals(), services_run(settings, pipeline) as run:
        yield run
