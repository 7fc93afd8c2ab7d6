"""``semstream run``: process a folder."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from streams.commands.options import (
    AsJson,
    Bits,
    MetricsPort,
    PipelineFile,
    PriorFile,
    Recipe,
    RetryFailed,
    SecondSuffix,
    check_second_suffix,
)
from streams.commands.provenance import provenance_of
from streams.errors import UsageError
from streams.pipeline import load_pipeline
from streams.results import IMAGES
from streams.session import print_summary, run_embedded
from streams.source import STATE, folder_files

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for results; run again with the same one to go on.")]


def run(
    folder: Annotated[Path, typer.Argument(help="Folder of images (TIFF, PNG, BMP, JPEG); it is never written to.")],
    out: Out,
    *,
    pipeline: PipelineFile = None,
    instrument: Annotated[str, typer.Option(help="Id of the instrument that wrote the images.")] = "unknown",
    recipe: Recipe = None,
    prior: PriorFile = None,
    second_suffix: SecondSuffix = None,
    bits: Bits = None,
    metrics_port: MetricsPort = None,
    retry_failed: RetryFailed = False,
    json: AsJson = False,
) -> None:
    """Restore every image of a folder and select the best result for each.

    Exit codes: 0 all selected, 1 some image failed, 2 wrong usage.
    """
    _check_apart(folder, out)
    check_second_suffix(second_suffix)
    provenance = provenance_of("/feeds/folder", instrument, recipe, prior, bits)
    files = list(folder_files(folder, leave_out=out, second_suffix=second_suffix))
    summary = run_embedded(
        files,
        out,
        load_pipeline(pipeline),
        provenance=provenance,
        console=Console(stderr=True),
        title=f"Restored SEM images: {folder.resolve().name}",
        expected=sum(file.looks_like_an_image for file in files),
        metrics_port=metrics_port,
        retry_failed=retry_failed,
    )
    print_summary(Console(), summary, out)
    if json:
        print(summary.to_json().decode())  # noqa: T201 - the interface
    raise typer.Exit(1 if summary.failed else 0)


def _check_apart(folder: Path, out: Path) -> None:
    """Refuse to write where the input is; an output within the input folder is left out when that is listed."""
    source, target = folder.resolve(), out.resolve()
    written = [(out / name).resolve() for name in (IMAGES, STATE)]
    into = any(place.is_relative_to(source) for place in written) and not target.is_relative_to(source)
    if source == target or into or any(source.is_relative_to(place) for place in written):
        raise UsageError("--out would write into the input folder, which is never written to; choose another one")
