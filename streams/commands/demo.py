"""``semstream demo``: a simulated instrument, processed from end to end."""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import tifffile
import typer
from numpy.typing import NDArray
from rich.console import Console

from stages.simulation.series import name_of, simulated_image
from streams.commands.options import AsJson, MetricsPort, PipelineFile, RetryFailed
from streams.intake import Provenance
from streams.pipeline import load_pipeline
from streams.session import print_summary, run_embedded
from streams.source import SourceFile, first

INSTRUMENT = "sim-1"
SIZE_PX = 512
SEED = 7


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for results; run again to see nothing computed.")],
    images: Annotated[int, typer.Option(min=1, help="Images to acquire, of six kinds in turn.")] = 24,
    *,
    pipeline: PipelineFile = None,
    metrics_port: MetricsPort = None,
    retry_failed: RetryFailed = False,
    json: AsJson = False,
) -> None:
    """Let a simulated instrument publish images of six kinds, and process them: no server, no Docker.

    The clean truth of every image travels along as its reference, so that the report can tell how right the selection
    was; the selector never sees it.
    """
    summary = run_embedded(
        instrument(out / "instrument", images),
        out,
        load_pipeline(pipeline),
        provenance=Provenance("/instruments/sim-1", INSTRUMENT),
        console=Console(stderr=True),
        title="semstream demo: a simulated instrument",
        expected=images,
        metrics_port=metrics_port,
        retry_failed=retry_failed,
    )
    print_summary(Console(), summary, out)
    typer.echo("The network was trained on this simulator, so it wins here; docs/benchmarks.md has real images.")
    if json:
        print(summary.to_json().decode())  # noqa: T201 - the interface
    raise typer.Exit(1 if summary.failed else 0)


def instrument(folder: Path, images: int) -> Iterator[SourceFile]:
    """Acquire images one after another. The files stay in ``folder``, as on an instrument's disk, and their truth."""
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    for number in range(images):
        path = folder / f"{name_of(number)}.tif"
        truth = folder / "truth" / path.name
        if not (path.is_file() and truth.is_file()):
            image = simulated_image(number, seed=SEED, size_px=SIZE_PX)
            truth.write_bytes(_tiff(np.rint(image.clean * 65535).astype(np.uint16)))
            path.write_bytes(_tiff(image.noisy))
        yield SourceFile(path.name, partial(first, path.read_bytes()), reference=truth.read_bytes())


def _tiff(levels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, levels, photometric="minisblack", metadata=None, software="semstream demo")
    return file.getvalue()
