"""``semstream bench``: what is measured at real services, in lanes, topics and databases of its own."""

import secrets
from contextlib import closing
from typing import Annotated

import typer
from rich.console import Console

from streams.bench.hops import NOOPS, Replays, measure_latency, measure_replay
from streams.bench.ledger import measure_ledger
from streams.bench.live_load import BESIDE, measure_live_load, resting_pipeline
from streams.bench.modes import measure_modes
from streams.bench.overlap import OVERLAP, measure_overlap
from streams.bench.rebalance import measure_rebalance
from streams.bench.tables import (
    print_latency,
    print_ledger,
    print_live_load,
    print_modes,
    print_overlap,
    print_rebalance,
    print_replayed,
    print_trends_killed,
)
from streams.bench.trends_killed import measure_trends_killed
from streams.commands.bench.embedded import CHEAP
from streams.commands.bench.given import give
from streams.commands.interrupts import unwinding_signals
from streams.commands.options import AsJson, OutFolder, SettingsFile
from streams.pipeline import load_pipeline
from streams.settings import Settings
from streams.wiring.bench import own_lane, services_run
from streams.wiring.ledger import scratch_ledger
from streams.wiring.topics import open_log


def ledger(
    rows: Annotated[int, typer.Option(min=1000, help="Events settled before.")] = 1_000_000,
    batches: Annotated[int, typer.Option(min=1, help="Batches of 500 events of each kind.")] = 100,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Settle and ask in a ledger of a million events, in a database of its own on the services' server."""
    with scratch_ledger(Settings.load(settings)) as scratch:
        measured = measure_ledger(scratch, rows=rows, batches=batches)
    print_ledger(Console(), measured)
    if json:
        print(measured.to_json().decode())  # noqa: T201 - the interface


def latency(
    images: Annotated[int, typer.Option(min=1, help="Images sent one after the other.")] = 500,
    settings: SettingsFile = None,
    out: OutFolder = None,
    json: AsJson = False,
) -> None:
    """Send one image at a time through four stages that do nothing, at real services, and time its way, hop by hop."""
    with unwinding_signals(), own_lane(Settings.load(settings), NOOPS) as (lane, open_reader):
        measured = measure_latency(lane, open_reader, images=images)
    print_latency(Console(), measured)
    give("latency", measured, out, json=json)


def trends(
    images: Annotated[int, typer.Option(min=2, help="Images of each of three phases, one after the other.")] = 200,
    settings: SettingsFile = None,
    out: OutFolder = None,
    json: AsJson = False,
) -> None:
    """Time images one by one without the trends, beside them and while they are killed; then look at their tables.

    Exit codes: 0 every image was selected once and charted once, 1 otherwise.
    """
    found = Settings.load(settings)
    with unwinding_signals(), services_run(found, CHEAP) as run, closing(open_log(found)) as log:
        measured = measure_trends_killed(run, log, images=images)
    print_trends_killed(Console(), measured)
    give("trends", measured, out, json=json)
    raise typer.Exit(0 if measured.holds else 1)


def replay(
    references: Annotated[int, typer.Option(min=1, help="References, every one known.")] = 20_000,
    settings: SettingsFile = None,
    out: OutFolder = None,
    json: AsJson = False,
) -> None:
    """Answer references whose outcomes are known, through one stage and through four, by one worker process."""
    figures = {}
    for name, count in (("one stage", 1), ("four stages", 4)):
        with unwinding_signals(), own_lane(Settings.load(settings), NOOPS) as (lane, open_reader):
            names = [stage.name for stage in lane.pipeline.stages[:count]]
            figures[name] = measure_replay(lane, open_reader, references=references, stages=names)
        print_replayed(Console(), name, figures[name])
    give("replay", Replays(one=figures["one stage"], four=figures["four stages"]), out, json=json)


def live_load(
    seconds: Annotated[float, typer.Option(min=1, help="How long each of the four phases is measured.")] = 60,
    call_ms: Annotated[float, typer.Option(min=1, help="How long an image holds one of the two slots.")] = 20,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Send live images at a steady pace through one worker process, alone and while a replay waits beside them.

    The pace is 45 % of what the replay is answered at when it is alone; in the end live has more than can be answered.
    """
    with (
        resting_pipeline(call_ms) as pipeline,
        own_lane(Settings.load(settings), pipeline, beside=BESIDE) as (lane, open_reader),
    ):
        measured = measure_live_load(lane, open_reader, call_ms=call_ms, seconds=seconds)
    print_live_load(Console(), measured)
    if json:
        print(measured.to_json().decode())  # noqa: T201 - the interface


def modes(
    images: Annotated[int, typer.Option(min=1, help="Simulated images of 128 x 128 px, of every kind.")] = 200,
    seed: Annotated[int | None, typer.Option(help="All of them follow from it; another one every time.")] = None,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Run the same images through the embedded mode and real services (cheap filters), and compare what they come to.

    Exit codes: 0 everything is the same, 1 something differs.
    """
    chosen = secrets.randbits(31) if seed is None else seed
    with unwinding_signals(), own_lane(Settings.load(settings), CHEAP) as (lane, open_reader):
        measured = measure_modes(lane, open_reader, images=images, seed=chosen)
    print_modes(Console(), measured, seed=chosen)
    if json:
        print(measured.to_json().decode())  # noqa: T201 - the interface
    raise typer.Exit(1 if measured.differences else 0)


def overlap(
    images: Annotated[int, typer.Option(min=8, help="Images of 512 x 512 px through the filters.")] = 200,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Run cheap filters and a network in one worker process, and see whether cores and device compute at one time.

    Without a GPU one core plays the device: the network has a slot of its own, and the filters have the others.
    """
    with services_run(Settings.load(settings), OVERLAP) as run:
        measured = measure_overlap(load_pipeline(OVERLAP), run, images=images, seed=secrets.randbits(31))
    print_overlap(Console(), measured)
    if json:
        print(measured.to_json().decode())  # noqa: T201 - the interface


def rebalance(
    images: Annotated[int, typer.Option(min=30, help="Images published, at a steady pace.")] = 1800,
    per_s: Annotated[float, typer.Option(min=1, max=90, help="Images published a second; one worker does 100.")] = 60,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Let one worker process become four and then two, mid-stream, and count what is lost, done twice and waited for.

    Exit codes: 0 nothing lost and nothing published twice, 1 otherwise.
    """
    measured = measure_rebalance(Settings.load(settings), images=images, per_s=per_s)
    print_rebalance(Console(), measured)
    if json:
        print(measured.to_json().decode())  # noqa: T201 - the interface
    raise typer.Exit(1 if measured.lost or measured.published_twice else 0)
