"""``semstream prior``: the noise of a feed, learned from many of its frames for those that say little."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from schemas.prior import Prior
from stages.prior import NoPrior, Origin, build
from streams.commands.options import AsJson, Bits, check_instrument
from streams.commands.tables import table_console
from streams.errors import UsageError
from streams.folder_frames import frames_of
from streams.formats.sandbox import Decoder
from streams.pipeline import NAME
from streams.prior_files import UNKNOWN, read_prior, write_prior
from streams.source import folder_files

prior = typer.Typer(name="prior", help="Learn the noise of a feed from many of its frames.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="File of a prior.")]


@prior.command("build")
def build_prior(
    folder: Annotated[Path, typer.Argument(help="Folder of images of one instrument and recipe; never written to.")],
    *,
    name: Annotated[str, typer.Option(help="Its name, such as sem-1-fast.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write; an existing one is never changed.")],
    instrument: Annotated[str, typer.Option(help="Id of the instrument that wrote the images.")] = UNKNOWN,
    recipe: Annotated[str | None, typer.Option(help="Name of the recipe that the images were taken with.")] = None,
    bits: Bits = None,
) -> None:
    """Build a prior from the images of a folder: the median of their noise laws, and how far they differ.

    Five images at the least, of one instrument at one setting; twenty of 256 x 256 px are plenty.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"--name '{name}': a-z, 0-9, - and _, 64 at the most")
    check_instrument(instrument)
    files = list(folder_files(folder))
    with Decoder() as decoder:
        frames = frames_of(files, decoder, _left_out, bits=bits)
        try:
            built = build((frame.pixels for frame in frames), Origin(name, instrument, recipe, bits))
        except NoPrior as error:
            raise UsageError(f"{folder}: {error}") from error
    write_prior(out, built)
    _print(built)


def _left_out(file: str, why: str) -> None:
    typer.echo(f"left out {file}: {why}", err=True)


@prior.command("show")
def show_prior(file: File, *, json: AsJson = False) -> None:
    """Show what a prior says, and check that it is as it was built."""
    found = read_prior(file)
    _print(found)
    if json:
        print(found.to_json().decode())  # noqa: T201 - the interface


def _print(found: Prior) -> None:
    variance = found.gain * found.grey + found.offset
    spread = found.variance_spread / (2 * variance**0.5)
    table = Table.grid(padding=(0, 2))
    table.add_row("prior", found.ref)
    table.add_row("of", f"{found.instrument_id}, recipe {found.recipe or 'not named'}")
    table.add_row("frames", f"{found.frames}, and {found.left_out} left out for want of a noise law")
    table.add_row(
        "sigma", f"{100 * variance**0.5:.3g} ± {100 * spread:.2g} % of full scale at the grey {found.grey:.2f}"
    )
    table.add_row("variance", f"{_known(found.gain, found.gain_spread)} x grey")
    table.add_row("", f"{'-' if found.offset < 0 else '+'} {_known(abs(found.offset), found.offset_spread)}")
    table.add_row(
        "row correlation", f"{' '.join(f'{v:.3g}' for v in found.row_acf)}, each ± {found.row_acf_spread:.2g}"
    )
    table_console().print(table, highlight=False)


def _known(value: float, spread: float) -> str:
    return f"{value:.4g} ± {spread:.2g}"
