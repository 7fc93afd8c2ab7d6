"""``semstream bench``: how faithful restorations are, and at what cost, on images whose truth is known."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import Progress, track

from stages.restoration import Restoration
from stages.stage import Method
from streams.bench.denoisers import measure_denoisers
from streams.bench.failures import check_rivals
from streams.bench.failures import failures as failures_of
from streams.bench.fidelity import score_fields
from streams.bench.fidelity_tables import print_denoisers, print_failures, print_fidelity, print_judging
from streams.bench.fields import Specimen, find_fields, parse_numbers
from streams.bench.gallery import write_gallery
from streams.bench.judging import measure_judging
from streams.bench.results import summarise
from streams.bench.simulated_fields import SEED, SIDE_PX, simulated_fields
from streams.commands.options import AsJson, PipelineFile
from streams.errors import UsageError
from streams.pipeline import load_pipeline
from streams.wiring.process import use_one_thread_a_slot

GALLERY_DOSE = 40.0

Pairs = Annotated[Path | None, typer.Option(help="Folder of KIND/noisy_NNN.tif and KIND/clean_NNN.tif: real images.")]
Numbers = Annotated[str | None, typer.Option(help="Numbers of fields, like 29-35; all when omitted.")]
Simulated = Annotated[int, typer.Option(min=0, help="Simulated scans of known truth; 72 have one of each.")]
Seed = Annotated[int, typer.Option(min=0, help="Another seed draws simulated scans that nobody has looked at yet.")]


def fidelity(
    *,
    pairs: Pairs = None,
    fields: Numbers = None,
    simulated: Simulated = 0,
    second: Annotated[bool, typer.Option(help="Scan each simulated field twice, with a drift between.")] = False,
    seed: Seed = SEED,
    failures: Annotated[
        bool,
        typer.Option(help="Print where each network is beaten by bm3d, and what is selected there; --json has it."),
    ] = False,
    criteria: Annotated[bool, typer.Option(help="Ask popular criteria too; takes three times as long.")] = False,
    pipeline: PipelineFile = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes that work on fields.")] = 1,
    json: AsJson = False,
) -> None:
    """Restore noisy images whose truth is known, and compare each candidate, the selected one and the best.

    Real references are registered to the noisy images and matched in grey scale; a border of 12 px is left out.
    """
    found = _specimens(pairs, fields, simulated, seed=seed, second=second)
    stages = load_pipeline(pipeline).stages
    if failures:
        check_rivals(stages)
    scored = score_fields(stages, found, jobs=jobs, criteria=criteria)
    console = Console(stderr=True)
    results = list(track(scored, "fields", total=len(found), console=console, transient=True))
    figures, beaten = summarise(results), failures_of(results)
    print_fidelity(Console(), figures)
    if failures and beaten:
        print_failures(Console(), beaten)
    if json:
        lost = {"failures": beaten.model_dump()} if beaten else {}
        print(orjson.dumps({**figures.model_dump(), **lost}).decode())  # noqa: T201 - the interface


def denoisers(
    *,
    pairs: Pairs = None,
    fields: Numbers = None,
    simulated: Simulated = 0,
    pipeline: PipelineFile = None,
    json: AsJson = False,
) -> None:
    """Time each method by itself on one core, and set our BM3D beside the package of its authors, where installed."""
    found = _specimens(pairs, fields, simulated)
    methods: dict[str, Method] = {}
    for stage in load_pipeline(pipeline).stages:
        if isinstance(stage, Restoration):
            methods |= stage.candidates
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("fields", total=len(found))
        figures = measure_denoisers(found, methods, note=lambda: progress.advance(task))
    print_denoisers(Console(), figures)
    if json:
        print(figures.to_json().decode())  # noqa: T201 - the interface


def judging(
    *,
    pairs: Pairs = None,
    fields: Numbers = None,
    simulated: Simulated = 0,
    size: Annotated[int, typer.Option(min=64, help="Height and width of the simulated scans in pixels.")] = SIDE_PX,
    seed: Seed = SEED,
    draws: Annotated[int, typer.Option(min=2, help="Noise draws with which each image is judged.")] = 20,
    pipeline: PipelineFile = None,
    json: AsJson = False,
) -> None:
    """Judge the same restorations with other noise draws, and with more and less of each frame."""
    found = _specimens(pairs, fields, simulated, seed=seed, side_px=size)
    stages = load_pipeline(pipeline).stages
    use_one_thread_a_slot()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("images", total=len(found))
        figures = measure_judging(stages, found, draws=draws, note=lambda: progress.advance(task))
    print_judging(Console(), figures)
    if json:
        print(figures.to_json().decode())  # noqa: T201 - the interface


def gallery(
    out: Annotated[Path, typer.Argument(help="Folder of the pictures, overwritten there.")],
    *,
    pairs: Pairs = None,
    field: Annotated[int, typer.Option(min=1, help="Number of the real field of each kind.")] = 31,
    pipeline: PipelineFile = None,
) -> None:
    """Write a picture of each kind of specimen: raw, restored, selected, its evidence map, and the truth."""
    scans = [one for one in simulated_fields(72) if one.kind == "scan" and one.dose_e_per_px == GALLERY_DOSE]
    specimens: dict[str, Specimen] = {f"simulated-{one.specimen}": one for one in scans}
    if pairs:
        specimens |= {f"real-{one.kind}": one for one in find_fields(pairs, frozenset([field]))}
    out.mkdir(parents=True, exist_ok=True)
    for path in write_gallery(out, load_pipeline(pipeline).stages, specimens):
        typer.echo(path)


def _specimens(
    pairs: Path | None,
    fields: str | None,
    simulated: int,
    *,
    seed: int = SEED,
    second: bool = False,
    side_px: int = SIDE_PX,
) -> list[Specimen]:
    real = find_fields(pairs, parse_numbers(fields) if fields else None) if pairs else []
    if not real and not simulated:
        raise UsageError("nothing to compare: name a folder of --pairs, or a number of --simulated scans")
    return [*real, *simulated_fields(simulated, seed=seed, twice=second, side_px=side_px)]
