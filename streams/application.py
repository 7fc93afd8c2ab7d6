"""The commands of `semstream`, gathered: the command ``run`` is what ``streams.commands.run`` calls ``run``."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer

BENCHMARKS = "bench"
PANELS: Mapping[str, Mapping[str, str]] = {
    "A folder, on this machine": {
        "demo": "Simulated images through the whole pipeline, with a report.",
        "run": "Restore the images of a folder and select the best result of each.",
        "simulate": "Write images with known truth.",
    },
    "A feed, at services": {
        "publish": "Upload images and announce them.",
        "worker": "Work at stages.",
        "replay": "Publish images again, into a lane beside production.",
        "trends": "Keep control charts of instruments, and tell which drift.",
        "fetch": "Write selected results as files, each with its certificate.",
    },
    "What became of images": {
        "status": "How far each stage is, what failed, what was selected.",
        "top": "What the fleet is at, live.",
        "jobs": "Images that failed, are done, or are suspected of killing workers.",
        "show": "The whole story of one image.",
        "explain": "Why a candidate was selected, in words and numbers.",
        "select": "Old images decided anew by another rule, from their scores alone.",
    },
    "Operation": {
        "doctor": "Try the services, this machine, and the pipeline's weights.",
        "reconcile": "Check that every image was answered once by each stage.",
        "dlq": "Look at dead letters, send their images again, delete them.",
        "topics": "Create topics, tell their lag.",
        "ledger": "Prepare, check and prune the job ledger.",
        "gc": "Delete pixels that are old, unused and not selected.",
    },
    "Pipelines, noise and networks": {
        "stages": "A pipeline's stages, candidates and options.",
        "prior": "Learn the noise of a feed from many of its frames.",
        "train": "Train a network on simulated scans.",
        "adapt": "Adapt a network to a feed, from its noisy frames alone.",
        "models": "Weights of networks: shipped, trained, adapted.",
        "bench": "Measure how faithful and how fast it is.",
    },
}
"""The commands as ``--help`` of all of them shows them; each says more of itself."""
COMMANDS = {name: panel for panel, commands in PANELS.items() for name in commands}

WrongCall: type[Exception] = typer.BadParameter.__mro__[2]
"""What typer raises for a wrong call: click's error, of the click that is installed or of the one it brings along."""


def application(arguments: Sequence[str]) -> typer.Typer:
    """Return the command line; only the command that is called is more than its name: importing all takes seconds."""
    app = typer.Typer(name="semstream", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback(context_settings={"help_option_names": ["-h", "--help"]})(_options)
    called = next((argument for argument in arguments if argument != "--"), None)
    for name, panel in COMMANDS.items():
        if called != name:
            app.command(name, help=PANELS[panel][name], rich_help_panel=panel)(_named)
            continue
        command = getattr(import_module(f"streams.commands.{name}"), name)
        if name == BENCHMARKS:
            command = command(arguments[1:])
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(command)
    return app


def _named() -> None:
    """Stand for a command that is not called."""


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
