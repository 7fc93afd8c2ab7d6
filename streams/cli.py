"""The command `semstream`."""

import os
import sys

import click
import typer

from streams.commands.bench import bench
from streams.commands.demo import demo
from streams.commands.run import run
from streams.commands.show import show
from streams.commands.simulate import simulate
from streams.commands.stages import stages
from streams.commands.train import train
from streams.errors import UsageError
from streams.logs import log_to_stderr

INTERRUPTED = 130

app = typer.Typer(
    name="semstream",
    help="Denoise SEM images: every image restored several ways, the best one selected with its reason.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (demo, run, simulate, show, stages, train):
    app.command()(command)
app.add_typer(bench, name="bench")


def main() -> None:
    """Run the command line: exit code 2 and one line for wrong usage, a traceback only for what is a bug."""
    log_to_stderr()
    try:
        code = app(standalone_mode=False)
    except (UsageError, click.UsageError) as error:
        _end(2, error.format_message() if isinstance(error, click.UsageError) else str(error))
    except OSError as error:
        if error.errno is None and "ledger" not in str(error):
            raise
        _end(1, f"{error}; nothing that was finished is lost: put it right and run the same command again")
    except (KeyboardInterrupt, click.Abort):
        _end(INTERRUPTED, "interrupted; what was finished is kept: run the same command to go on from there")
    sys.exit(code or 0)


def _end(code: int, message: str) -> None:
    """Say why, and leave without waiting for computations that are still running."""
    sys.stdout.flush()
    sys.stderr.write(f"semstream: {' '.join(message.split())}\n")
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
