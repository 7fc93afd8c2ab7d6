"""``semstream bench``: measure the product."""

import shutil
import signal
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import track

from deploy.local.programs import Programs, StackError
from streams.bench.chaos.faults.catalogue import CATALOGUE
from streams.bench.chaos.run import Plan, run_chaos
from streams.bench.chaos.script import script_of
from streams.bench.efficiency import measure_efficiency
from streams.bench.endurance import measure_endurance
from streams.bench.fidelity import score_fields
from streams.bench.fields import find_fields, parse_numbers
from streams.bench.ledger import measure_ledger
from streams.bench.results import summarise
from streams.bench.tables import print_chaos, print_efficiency, print_endurance, print_fidelity, print_ledger
from streams.commands.options import SettingsFile
from streams.commands.run import AsJson, PipelineFile
from streams.errors import UsageError
from streams.pipeline import load_pipeline
from streams.settings import Settings
from streams.wiring.ledger import scratch_ledger

CHEAP = Path(str(files("deploy") / "pipelines" / "cheap.toml"))

PROGRAMS = Path(".stack") / "programs"

bench = typer.Typer(name="bench", help="Measure how faithful and how fast it is.", no_args_is_help=True)


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
    json: AsJson = False,
) -> None:
    """Compare the embedded pipeline with a bare loop of the same stage calls on the same cores."""
    figures = {
        "cheap": measure_efficiency(load_pipeline(CHEAP), images=cheap_images),
        "default": measure_efficiency(load_pipeline(None), images=images),
    }
    for name, measured in figures.items():
        print_efficiency(Console(), name, measured)
    if json:
        print(orjson.dumps({name: measured.model_dump() for name, measured in figures.items()}).decode())  # noqa: T201 - the interface


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
def chaos(
    *,
    seed: Annotated[int, typer.Option(help="All that goes wrong, and when, follows from it.")] = 1,
    images: Annotated[int, typer.Option(min=20, help="Images of 128 x 128 px.")] = 1000,
    rounds: Annotated[int, typer.Option(min=1, help="How often something goes wrong.")] = 12,
    programs: Annotated[Path, typer.Option(help="Folder of the programs that make up has fetched.")] = PROGRAMS,
    work: Annotated[Path | None, typer.Option(help="Where to run; a temporary folder when omitted.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folder even where everything holds.")] = False,
    json: AsJson = False,
) -> None:
    """Kill, freeze, cut, fill and mislead servers and workers of its own mid-stream, and count what came of the images.

    Exit codes: 0 nothing lost, doubled or otherwise wrong; 1 something was, and the folder with all logs is kept.
    """
    _end_in_good_order()
    console = Console(stderr=True)
    folder = Path(tempfile.mkdtemp(prefix=f"semstream-chaos-{seed}-", dir=work))
    folder.chmod(0o755)  # Postgres runs as another user where we are root
    plan = Plan(seed, images, script_of(seed, CATALOGUE, rounds=rounds), folder / "run", Programs(programs.resolve()))
    try:
        figures = run_chaos(plan, lambda line: console.print(line, highlight=False))
    except (StackError, RuntimeError) as error:
        raise UsageError(f"seed {seed} could not be run to its end: {error}; see {folder}") from error
    print_chaos(console, figures)
    if figures.holds and not keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        console.print(f"kept: {folder}; again: semstream bench chaos --seed {seed} --images {images} --rounds {rounds}")
    if json:
        print(figures.to_json().decode())  # noqa: T201 - the interface
    raise typer.Exit(0 if figures.holds else 1)


def _end_in_good_order() -> None:
    """Let signals unwind: the servers and processes of a run must not outlive it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda code, _: sys.exit(128 + code))
