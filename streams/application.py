"""The commands of `semstream`, gathered."""

from importlib.metadata import version
from typing import Annotated

import typer

from streams.commands.bench import bench
from streams.commands.demo import demo
from streams.commands.run import run
from streams.commands.show import show
from streams.commands.simulate import simulate
from streams.commands.stages import stages
from streams.commands.topics import topics
from streams.commands.train import train

WrongCall: type[Exception] = typer.BadParameter.__mro__[2]
"""What typer raises for a wrong call: click's error, of the click that is installed or of the one it brings along."""

app = typer.Typer(
    name="semstream",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"semstream {version('semstream')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Denoise SEM images: every image restored several ways, the best one selected with its reason."""


for command in (demo, run, simulate, show, stages, train):
    app.command()(command)
app.add_typer(bench, name="bench")
app.add_typer(topics, name="topics")
