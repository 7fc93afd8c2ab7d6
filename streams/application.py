"""The commands of `semstream`, gathered: the command ``run`` is what ``streams.commands.run`` calls ``run``."""

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer

BENCHMARKS = "bench"
COMMANDS = (
    "demo",
    "run",
    "publish",
    "worker",
    "status",
    "top",
    "jobs",
    "show",
    "explain",
    "select",
    "fetch",
    "dlq",
    "topics",
    "replay",
    "trends",
    "reconcile",
    "ledger",
    "gc",
    "doctor",
    "stages",
    "simulate",
    "prior",
    "train",
    "adapt",
    "models",
    BENCHMARKS,
)

WrongCall: type[Exception] = typer.BadParameter.__mro__[2]
"""What typer raises for a wrong call: click's error, of the click that is installed or of the one it brings along."""


def application(arguments: Sequence[str]) -> typer.Typer:
    """Return the command line, with the one command that is called: importing all of them takes seconds."""
    app = typer.Typer(name="semstream", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_options)
    called = [name for name in COMMANDS if name in arguments[:1]]
    for name in called or COMMANDS:
        command = getattr(import_module(f"streams.commands.{name}"), name)
        if name == BENCHMARKS:
            command = command(arguments[1:])
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"semstream {version('semstream')}")
        raise typer.Exit


def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Denoise SEM images: every image restored several ways, the best one selected with its reason."""
