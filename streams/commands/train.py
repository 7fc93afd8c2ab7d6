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
from pydantic import TypeAdapter, ValidationError

from stages.training.recipe import Recipe
from stages.training.trainer import Trainer
from streams.checkpoints import held, resumed, save
from streams.errors import UsageError
from streams.trained_weights import hand_out
from streams.wording import plainly

LOG_EVERY_S = 60.0
SAVE_EVERY_S = 30.0

Clock = Callable[[], float]
Say = Callable[[str], None]


def train(
    config: Annotated[
        Path, typer.Argument(help="TOML file with the options of a training, or unet for the shipped one.")
    ],
    *,
    minutes: Annotated[
        float, typer.Option(min=0, help="Train for so long; the next run resumes. Drawing scenes first is not counted.")
    ] = 9.0,
    out: Annotated[Path, typer.Option(help="Folder for the weights and their card.")] = Path("out/weights"),
    checkpoints: Annotated[Path, typer.Option(help="Folder of the checkpoint.")] = Path(".training"),
    threads: Annotated[int, typer.Option(min=1, help="Processor cores to use.")] = 2,
) -> None:
    """Train a network on simulated scans; run it again until it says that the budget is spent."""
    torch.set_num_threads(threads)
    recipe = recipe_of(config)
    checkpoint = checkpoints / f"{recipe.name}.safetensors"
    with held(checkpoint):
        trainer = resumed(Trainer.on_simulated_scans(recipe), checkpoint)
        run(trainer, checkpoint, minutes=minutes, clock=time.monotonic, say=typer.echo)
        cores = f"{threads} core{'s' * (threads > 1)} of {platform.machine()}"
        hardware = f"{cores}, {'bfloat16' if trainer.bf16 else 'float32'}"
        typer.echo(f"weights={hand_out(trainer, out, hardware=hardware)}")


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
    except ValidationError as error:
        first = error.errors()[0]
        said = ": ".join([*map(str, first["loc"]), plainly(first["msg"])])
        raise UsageError(f"{config} is no training recipe: {said}") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{config} is no training recipe: {error}") from error


def run(trainer: Trainer, checkpoint: Path, *, minutes: float, clock: Clock, say: Say) -> None:
    """Train until the slice or the whole budget is spent, one line a minute; ends with a checkpoint.

    Time counts from the first step on: what each slice prepares anew would be budget that one long run does not spend.
    """
    if not trainer.finished:
        trainer.prepare()
    before, start = trainer.elapsed_s, clock()
    logged, saved = Pace(LOG_EVERY_S, start), Pace(SAVE_EVERY_S, start)
    smooth = 0.0
    while not trainer.finished and clock() - start < 60 * minutes:
        loss = trainer.advance(elapsed_s=before + clock() - start)
        now = clock()
        trainer.elapsed_s = before + now - start
        smooth = loss if smooth == 0 else 0.98 * smooth + 0.02 * loss
        if logged.due(now):
            say(f"{_progress(trainer)} loss={smooth:.5f} rate={trainer.learning_rate():.2e}")
        if saved.due(now):
            save(trainer, checkpoint)
    save(trainer, checkpoint)
    say(f"{_progress(trainer)} checkpoint={checkpoint}")


def _progress(trainer: Trainer) -> str:
    minutes, done = trainer.elapsed_s / 60, trainer.progress
    left = f" left={minutes * (1 - done) / done:.0f}" if 0 < done < 1 else ""
    return f"step={trainer.step} minutes={minutes:.1f}{left} done={done:.0%}"


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
