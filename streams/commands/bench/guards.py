"""``semstream bench guards``: what the guards catch, and what they say of honest restorations."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from stages.evidence import SEEN_FROM
from stages.selector.rule import Rule
from streams.bench.evidence_picture import write_picture
from streams.bench.fields import parse_numbers
from streams.bench.guards import (
    Caught,
    EvidenceFigures,
    MapFigures,
    measure_evidence,
    methods_of,
    real_specimens,
    simulated_specimens,
)
from streams.bench.metrology import measure_metrology
from streams.bench.metrology_tables import print_metrology
from streams.commands.options import AsJson, PipelineFile
from streams.errors import UsageError
from streams.pipeline import load_pipeline

SIZE_PX = 512


def guards(
    pairs: Annotated[Path | None, typer.Option(help="Folder of KIND/noisy_NNN.tif and KIND/clean_NNN.tif.")] = None,
    *,
    fields: Annotated[str | None, typer.Option(help="Numbers of fields, like 29-35; all when omitted.")] = None,
    images: Annotated[int, typer.Option(min=1, help="Simulated images of 512 x 512 px.")] = 24,
    size: Annotated[int, typer.Option(min=64, help="Their height and width in pixels.")] = SIZE_PX,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same images and features.")] = 11,
    candidates: Annotated[str, typer.Option(help="Candidates to look at, by name.")] = "bm3d,unet",
    picture: Annotated[
        Path | None, typer.Option(help="PNG to write: the first real field, a feature planted in it, and its map.")
    ] = None,
    patterns: Annotated[
        int, typer.Option(min=0, help="Simulated images of lines, and as many of holes, whose dimensions are measured.")
    ] = 20,
    pipeline: PipelineFile = None,
    json: AsJson = False,
) -> None:
    """Plant features in honest restorations and wipe out features of the raw frame, and count what the guards see.

    Lines and holes of known dimensions are restored as well: how true the selected results are, and what is vetoed.
    """
    stages = load_pipeline(pipeline).stages
    methods = methods_of(stages, [name.strip() for name in candidates.split(",")])
    if picture and not pairs:
        raise UsageError("--picture is of a real field: give --pairs")
    real = real_specimens(pairs, parse_numbers(fields) if fields else None) if pairs else []
    shown = Console(stderr=True)
    if picture:
        feature = write_picture(picture, real[0], next(iter(methods.values())), seed=seed)
        shown.print(f"{picture}: {real[0].name}, {feature}", highlight=False)
    made = simulated_specimens(images, seed=seed, size_px=size)
    figures = EvidenceFigures(
        real=measure_evidence(track(real, "real", console=shown, transient=True), methods, seed=seed) if real else None,
        simulated=measure_evidence(
            track(made, "simulated", total=images, console=shown, transient=True), methods, seed=seed
        ),
    )
    _print_evidence(Console(), figures)
    found = {"evidence": figures.model_dump()}
    if patterns:
        with shown.status("lines and holes") as status:
            dimensions = measure_metrology(stages, images=patterns, seed=seed, size_px=size, show=status.update)
        print_metrology(Console(), dimensions)
        found["metrology"] = dimensions.model_dump()
    if json:
        print(orjson.dumps(found).decode())  # noqa: T201 - the interface


def _print_evidence(console: Console, figures: EvidenceFigures) -> None:
    """Print a column for real images and one for simulated ones."""
    found = {name: caught for name, caught in (("real", figures.real), ("simulated", figures.simulated)) if caught}
    table = Table(f"evidence guard, {Rule.evidence_z} σ", *found)
    table.add_row("candidates looked at", *(str(caught.images) for caught in found.values()))
    table.add_row("vetoed, false alarms", *map(_alarms, found.values()))
    table.add_row("vetoed, confirmed by the truth", *(f"{caught.confirmed:.1%}" for caught in found.values()))
    for snr in figures.simulated.caught:
        shares = (f"{caught.caught[snr]:.1%} of {caught.features}" for caught in found.values())
        table.add_row(f"features of SNR {snr} caught", *shares)
    console.print(table)
    titles = ("share of pixels", "images with any", "largest, mean")
    maps = Table(f"evidence maps, beyond {SEEN_FROM} σ", *(f"{kind}: {title}" for kind in found for title in titles))
    for name in dict.fromkeys(name for caught in found.values() for name in caught.maps):
        maps.add_row(name, *(cell for caught in found.values() for cell in _map(caught.maps.get(name))))
    console.print(maps)


def _map(figures: MapFigures | None) -> tuple[str, str, str]:
    if figures is None:
        return "", "", ""
    return f"{figures.share:.1e}", f"{figures.with_any:.0%}", f"{figures.largest:.1f} σ"


def _alarms(found: Caught) -> str:
    each = ", ".join(f"{name} {share:.1%}" for name, share in found.false_alarms_of.items())
    return f"{found.false_alarms:.1%} ({each})"
