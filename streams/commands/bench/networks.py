"""``semstream bench``: how fast networks are, restoring and being trained."""

import re
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from streams.bench.inference import SIZES, Shape, contestants, measure_inference
from streams.bench.network_tables import print_inference, print_training
from streams.bench.one_core import WARM_UP_SIDE_PX
from streams.bench.training import measure_training
from streams.commands.options import AsJson
from streams.commands.train import recipe_of
from streams.errors import UsageError

DEFAULT_SIZES = ",".join(f"{height}x{width}" for height, width in SIZES)


def inference(
    *,
    sizes: Annotated[str, typer.Option(help="HEIGHTxWIDTH of the frames, by commas.")] = DEFAULT_SIZES,
    batches: Annotated[
        str | None, typer.Option(help="Frames in a call, by commas; 1,2 on a CPU and 1,4,16 on a GPU when omitted.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Calls of each; the median counts.")] = 3,
    json: AsJson = False,
) -> None:
    """Time each network on one core, or on the GPU where there is one, beside BM3D; memory is of one frame."""
    counts = batches or ("1,4,16" if torch.cuda.is_available() else "1,2")
    console = Console(stderr=True)
    with console.status("the device") as status:
        figures = measure_inference(
            contestants(),
            sizes=[_shape(size) for size in sizes.split(",")],
            batches=[_count(count) for count in counts.split(",")],
            repeats=repeats,
            note=status.update,
        )
    print_inference(Console(), figures)
    if json:
        print(figures.to_json().decode())  # noqa: T201 - the interface


def training(
    *,
    config: Annotated[Path, typer.Option(help="TOML file of a training, or unet for the shipped one.")] = Path("unet"),
    steps: Annotated[int, typer.Option(min=1, help="Steps that count, after three that do not.")] = 40,
    threads: Annotated[int, typer.Option(min=1, help="Processor cores to use.")] = 1,
    json: AsJson = False,
) -> None:
    """Train for a few steps, and tell patches a second, the simulator's share of the time, and memory.

    Nothing is written.
    """
    recipe = recipe_of(config)
    with Console(stderr=True).status(f"{steps} steps"):
        figures = measure_training(recipe, steps=steps, threads=threads)
    print_training(Console(), figures)
    if json:
        print(figures.to_json().decode())  # noqa: T201 - the interface


def _shape(text: str) -> Shape:
    match = re.fullmatch(r"\s*(\d+)x(\d+)\s*", text)
    if not match or min(int(match[1]), int(match[2])) < WARM_UP_SIDE_PX:
        raise UsageError(
            f"--sizes: '{text}' is no size; write HEIGHTxWIDTH, {WARM_UP_SIDE_PX} px at the least, like 512x512"
        )
    return int(match[1]), int(match[2])


def _count(text: str) -> int:
    if not text.strip().isdigit() or int(text) < 1:
        raise UsageError(f"--batches: '{text}' is no number of frames; write them like 1,4,16")
    return int(text)
