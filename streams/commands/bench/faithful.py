"""``semstream bench``: how faithful restorations are, and at what cost, on images whose truth is known."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, track

from stages.restoration import Restoration
from stages.stage import Method
from streams.bench.denoisers import measure_denoisers
from streams.bench.fidelity import score_fields
from streams.bench.fields import Specimen, find_fields, parse_numbers
from streams.bench.results import summarise
from streams.bench.simulated_fields import simulated_fields
from streams.bench.tables import print_denoisers, print_fidelity
from streams.commands.options import AsJson, PipelineFile
from streams.errors import UsageError
from streams.pipeline import load_pipeline

Pairs = Annotated[Path | None, typer.Option(help="Folder of KIND/noisy_NNN.tif and KIND/clean_NNN.tif: real images.")]
Numbers = Annotated[str | None, typer.Option(help="Numbers of fields, like 29-35; all when omitted.")]
Simulated = Annotated[int, typer.Option(min=0, help="Simulated scans of known truth; 72 have one of each.")]


def fidelity(
    *,
    pairs: Pairs = None,
    fields: Numbers = None,
    simulated: Simulated = 0,
    second: Annotated[bool, typer.Option(help="Scan each simulated field twice, with a drift between.")] = False,
    criteria: Annotated[bool, typer.Option(help="Ask popular criteria too; takes three times as long.")] = False,
    pipeline: PipelineFile = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes that work on fields.")] = 1,
    json: AsJson = False,
) -> None:
    """Restore noisy images whose truth is known, and compare each candidate, the selected one and the best.

    Real references are registered to the noisy images and matched in grey scale; a border of 12 px is left out.
    """
    found = _specimens(pairs, fields, simulated, second=second)
    scored = score_fields(load_pipeline(pipeline).stages, found, jobs=jobs, criteria=criteria)
    console = Console(stderr=True)
    results = list(track(scored, "fields", total=len(found), console=console, transient=True))
    figures = summarise(results)
    print_fidelity(Console(), figures)
    if json:
        print(figures.to_json().decode())  # noqa: T201 - the interface


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


def _specimens(pairs: Path | None, fields: str | None, simulated: int, *, second: bool = False) -> list[Specimen]:
    real = find_fields(pairs, parse_numbers(fields) if fields else None) if pairs else []
    if not real and not simulated:
        raise UsageError("nothing to compare: name a folder of --pairs, or a number of --simulated scans")
    return [*real, *simulated_fields(simulated, twice=second)]
