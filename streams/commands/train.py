"""`semstream train`: train a network on simulated scans, in slices that add up."""

import platform
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import torch
import typer
from pydantic import TypeAdapter

from stages.training.export import export
from stages.training.recipe import Recipe
from stages.training.trainer import Trainer
from streams.errors import UsageError

LOG_EVERY_S = 60.0
SAVE_EVERY_S = 30.0

Clock = Callable[[], float]
Say = Callable[[str], None]


def train(
    config: Annotated[
        Path, typer.Argument(help="TOML file with the options of a training, or unet for the shipped one.")
    ],
    *,
    minutes: Annotated[float, typer.Option(help="Stop after this long; the next run resumes.")] = 9.0,
    out: Annotated[Path, typer.Option(help="Folder for the weights and their card.")] = Path("out/weights"),
    checkpoints: Annotated[Path, typer.Option(help="Folder of the checkpoint.")] = Path(".training"),
    threads: Annotated[int, typer.Option(help="Processor cores to use.")] = 2,
) -> None:
    """Train a network on simulated scans; run it again until it says that the budget is spent."""
    torch.set_num_threads(threads)
    recipe = recipe_of(config)
    checkpoint = checkpoints / f"{recipe.name}.safetensors"
    trainer = resumed(Trainer.on_simulated_scans(recipe), checkpoint)
    run(trainer, checkpoint, minutes=minutes, clock=time.monotonic, say=typer.echo)
    hardware = f"{threads} cores of {platform.machine()}, {'bfloat16' if recipe.bf16 else 'float32'}"
    typer.echo(f"weights={export(trainer, out, hardware=hardware)}")


def recipe_of(config: Path) -> Recipe:
    """Read the options of a training: a file, or the bare name of a recipe that is shipped (``unet``)."""
    is_name = str(config) == config.stem and not config.exists()
    source = files("stages.training") / f"{config}.toml" if is_name else config
    try:
        options = tomllib.loads(source.read_text())
        unknown = sorted(set(options) - {field.name for field in fields(Recipe)})
        if unknown:
            raise UsageError(f"{config}: there is no option {unknown[0]}")
        return TypeAdapter(Recipe).validate_python(options)
    except (OSError, ValueError) as error:
        raise UsageError(f"{config} is no training recipe: {error}") from error


def resumed(trainer: Trainer, checkpoint: Path) -> Trainer:
    """Return a trainer at the checkpoint, or as it is where there is none; raises `UsageError` for another one's."""
    if checkpoint.exists():
        try:
            trainer.load(checkpoint)
        except ValueError as error:
            raise UsageError(f"{error}; move it away to start afresh") from error
    return trainer


def run(trainer: Trainer, checkpoint: Path, *, minutes: float, clock: Clock, say: Say) -> None:
    """Train until the slice or the whole budget is spent, one line a minute; ends with a checkpoint."""
    before, start = trainer.elapsed_s, clock()
    logged, saved = Pace(LOG_EVERY_S, start), Pace(SAVE_EVERY_S, start)
    smooth = 0.0
    while not trainer.finished and clock() - start < 60 * minutes:
        loss = trainer.advance(elapsed_s=before + clock() - start)
        smooth = loss if smooth == 0 else 0.98 * smooth + 0.02 * loss
        if logged.due(clock()):
            say(f"{_progress(trainer)} loss={smooth:.5f} rate={trainer.learning_rate():.2e}")
        if saved.due(clock()):
            trainer.save(checkpoint)
    trainer.save(checkpoint)
    say(f"{_progress(trainer)} checkpoint={checkpoint}")


def _progress(trainer: Trainer) -> str:
    return f"step={trainer.step} minutes={trainer.elapsed_s / 60:.1f} done={trainer.progress:.0%}"


@dataclass
class Pace:
    """Says when something that is done now and then is due again."""

    every_s: float
    last_s: float

    def due(self, now_s: float) -> bool:
        """Whether it is due; if so, the next time counts from now."""
        if now_s - self.last_s < self.every_s:
            return False
        self.last_s = now_s
        return True
