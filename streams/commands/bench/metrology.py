"""``semstream bench metrology``: dimensions of patterns."""

from typing import Annotated

import orjson
import typer
from rich.console import Console

from streams.bench.metrology import measure_metrology, print_metrology
from streams.commands.options import AsJson, PipelineFile
from streams.pipeline import load_pipeline


def metrology(
    images: Annotated[int, typer.Option(min=1, help="Simulated images of lines, and as many of holes.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same images.")] = 7,
    size: Annotated[int, typer.Option(min=128, max=8192, help="Height and width in pixels.")] = 512,
    pipeline: PipelineFile = None,
    json: AsJson = False,
) -> None:
    """Restore lines and holes of known dimensions: how true the selected results are, and what the guards veto."""
    console = Console(stderr=True)
    stages = load_pipeline(pipeline).stages
    with console.status("lines and holes") as status:
        figures = measure_metrology(stages, images=images, seed=seed, size_px=size, show=status.update)
    print_metrology(Console(), figures)
    if json:
        print(orjson.dumps({"metrology": figures.model_dump()}).decode())  # noqa: T201 - the interface
