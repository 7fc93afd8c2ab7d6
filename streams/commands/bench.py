"""``semstream bench``: measure the product."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import track

from streams.bench.at_services import ServicesEfficiency, measure_at_services
from streams.bench.efficiency import Efficiency, measure_efficiency
from streams.bench.endurance import measure_endurance
from streams.bench.fidelity import score_fields
from streams.bench.fields import find_fields, parse_numbers
from streams.bench.hops import NOOPS, measure_latency, measure_replay
from streams.bench.ledger import measure_ledger
from streams.bench.rebalance import measure_rebalance
from streams.bench.results import summarise
from streams.bench.tables import (
    print_at_services,
    print_efficiency,
    print_endurance,
    print_fidelity,
    print_latency,
    print_ledger,
    print_rebalance,
    print_replayed,
)
from streams.commands.bench_chaos import chaos
from streams.commands.options import AsJson, PipelineFile, SettingsFile
from streams.pipeline import load_pipeline
from streams.settings import Settings
from streams.wiring.bench import own_lane, services_run
from streams.wiring.ledger import scratch_ledger

CHEAP = Path(str(files("deploy") / "pipelines" / "cheap.toml"))
DEFAULT = Path(str(files("deploy") / "pipeline.toml"))

bench = typer.Typer(name="bench", help="Measure how faithful and how fast it is.", no_args_is_help=True)
bench.command()(chaos)


@bench.command()
def fidelity(
    pairs: Annotated[Path, typer.Option(help="Folder of KIND/noisy_NNN.tif and KIND/clean_NNN.tif.")],
    fields: Annotated[str | None, typer.Option(help="Numbers of fields, like 29-35; all when omitted.")] = None,
    pipeline: PipelineFile = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes that work on fields.")] = 1,
    json: AsJson = False,
) -> None:
    """Restore real noisy images that have a clean reference, and compare each candidate, the selected one and the best.

    References are registered to the noisy images and matched in grey scale; a border of 12 px is left out.
    """
    found = find_fields(pairs, parse_numbers(fields) if fields else None)
    stages = load_pipeline(pipeline).stages
    progress = track(
        score_fields(stages, found, jobs=jobs), "fields", total=len(found), console=Console(stderr=True), transient=True
    )
    results = list(progress)
    figures = summarise(results)
    print_fidelity(Console(), figures)
    if json:
        print(figures.to_json().decode())  # noqa: T201 - the interface


@bench.command()
def efficiency(
    images: Annotated[int, typer.Option(min=2, help="Images of 512 x 512 px for the default pipeline.")] = 24,
    cheap_images: Annotated[int, typer.Option(min=2, help="Images for the cheap filters alone.")] = 400,
    services: Annotated[bool, typer.Option(help="One worker process at real services, not the embedded mode.")] = False,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Compare the pipeline with a bare loop of the same stage calls on the same cores."""
    figures: dict[str, Efficiency | ServicesEfficiency] = {}
    for name, file, count in (("cheap", CHEAP, cheap_images), ("default", DEFAULT, images)):
        if services:
            with services_run(Settings.load(settings), file) as run:
                measured = measure_at_services(load_pipeline(file), run, images=count)
            print_at_services(Console(), name, measured)
            figures[name] = measured
        else:
            figures[name] = embedded = measure_efficiency(load_pipeline(file), images=count)
            print_efficiency(Console(), name, embedded)
    if json:
        print(orjson.dumps({name: found.model_dump() for name, found in figures.items()}).decode())  # noqa: T201 - the interface


@bench.command()
def endurance(
    images: Annotated[int, typer.Option(min=6, help="Images of 128 x 128 px.")] = 3000,
    json: AsJson = False,
) -> None:
    """Send many small images through the embedded mode (cheap filters) and count losses and memory."""
    measured = measure_endurance(load_pipeline(CHEAP), images=images)
    print_endurance(Console(), measured)
    if json:
        print(measured.to_json().decode())  # noqa: T201 - the interface
    raise typer.Exit(0 if measured.lost == 0 else 1)


@bench.command()
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


@bench.command()
def latency(
    images: Annotated[int, typer.Option(min=1, help="Images sent one after the other.")] = 500,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Send one image at a time through four stages that do nothing, at real services, and time its way."""
    with own_lane(Settings.load(settings), NOOPS) as (lane, open_reader):
        measured = measure_latency(lane, open_reader, images=images)
    print_latency(Console(), measured)
    if json:
        print(measured.to_json().decode())  # noqa: T201 - the interface


@bench.command()
def replay(
    references: Annotated[int, typer.Option(min=1, help="References, every one known.")] = 20_000,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Answer references whose outcomes are known, through one stage and through four, by one worker process."""
    figures = {}
    for name, count in (("one stage", 1), ("four stages", 4)):
        with own_lane(Settings.load(settings), NOOPS) as (lane, open_reader):
            names = [stage.name for stage in lane.pipeline.stages[:count]]
            figures[name] = measure_replay(lane, open_reader, references=references, stages=names)
        print_replayed(Console(), name, figures[name])
    if json:
        one, four = figures["one stage"], figures["four stages"]
        print(orjson.dumps({**one.model_dump(), "four_stages": four.model_dump()}).decode())  # noqa: T201 - the interface


@bench.command()
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
