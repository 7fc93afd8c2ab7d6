"""`semstream simulate`: images with known truth, for trying things out and for testing."""

from pathlib import Path
from typing import Annotated

import numpy as np
import tifffile
import typer
from numpy.typing import NDArray

from stages.simulation.scenes import KINDS
from stages.simulation.series import SimulatedImage, scanned_again, simulated_images
from streams.commands.options import check_second_suffix
from streams.errors import UsageError
from streams.source import STATE

SMALLEST_PX, LARGEST_PX = 16, 8192
AGAIN = 2
"""Second frames are drawn apart from the first ones, which are the same with them and without."""

__all__ = ["SimulatedImage", "simulate", "simulated_images"]


def simulate(
    out: Annotated[Path, typer.Argument(help="Folder to write to; it must be empty or absent.")],
    *,
    kind: Annotated[str | None, typer.Option(help=f"One of {', '.join(KINDS)}; all in turn when omitted.")] = None,
    images: Annotated[int, typer.Option(min=1, help="How many images to write.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same images.")] = 7,
    size: Annotated[int, typer.Option(min=SMALLEST_PX, max=LARGEST_PX, help="Height and width in pixels.")] = 512,
    clean: Annotated[bool, typer.Option("--clean", help="Also write the noise-free images, to OUT/clean.")] = False,
    one_setting: Annotated[
        bool, typer.Option("--one-setting", help="Scan all alike, as one instrument does: for prior build and adapt.")
    ] = False,
    second_suffix: Annotated[
        str | None, typer.Option(help="Such as _f2: also write NAME_f2.tif, another scan of the field after a drift.")
    ] = None,
) -> None:
    """Write simulated 8-bit SEM images as TIFF files; with --clean also the truth, under the same names."""
    check_second_suffix(second_suffix)
    if kind is not None and kind not in KINDS:
        raise UsageError(f"there is no kind {kind!r}; choose one of {', '.join(KINDS)}, or none for all in turn")
    _prepare(out, clean=clean)
    kinds = KINDS if kind is None else (kind,)
    row = simulated_images(images=images, seed=seed, size_px=size, kinds=kinds, one_setting=one_setting)
    for number, image in enumerate(row):
        _write(out / f"{image.name}.tif", image.noisy)
        if second_suffix is not None:
            again = scanned_again(image, np.random.default_rng([seed, number, AGAIN]))
            _write(out / f"{image.name}{second_suffix}.tif", again)
        if clean:
            _write(out / "clean" / f"{image.name}.tif", np.rint(image.clean * 255).astype(np.uint8))
    typer.echo(f"{images} images of {size} x {size} px in {out}" + (f", the truth in {out / 'clean'}" if clean else ""))


def _prepare(out: Path, *, clean: bool) -> None:
    try:
        if out.exists() and any(out.iterdir()):
            raise UsageError(f"{out} is not empty; choose a new folder")
        (out / "clean" if clean else out).mkdir(parents=True, exist_ok=True)
        if clean:
            (out / "clean" / STATE).touch()  # a run of the folder leaves the truth alone
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}") from error


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    try:
        tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None, software="semstream simulate")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
