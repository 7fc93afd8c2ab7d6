"""`semstream train`."""

from itertools import count
from pathlib import Path

import pytest

from stages.training.trainer import Trainer
from streams.commands.train import recipe_of, resumed, run
from streams.errors import UsageError

TINY = """
name = "tiny"
widths = [8, 16]
blocks = 1
total_minutes = 4
patch_px = 32
batch = 1
pool = 2
scene_px = 32
bf16 = false
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def ticking(trainer: Trainer, checkpoint: Path, minutes: float) -> list[str]:
    """Train with a clock that goes on by ten seconds whenever somebody looks."""
    lines: list[str] = []
    seconds = count(0, 10)
    run(trainer, checkpoint, minutes=minutes, clock=lambda: float(next(seconds)), say=lines.append)
    return lines


def test_slices_add_up_to_the_budget_and_then_there_is_nothing_left_to_do(config: Path, tmp_path: Path) -> None:
    recipe, checkpoint = recipe_of(config), tmp_path / "tiny.safetensors"
    steps = []
    for _ in range(4):
        trainer = resumed(Trainer.on_simulated_scans(recipe), checkpoint)
        ticking(trainer, checkpoint, minutes=1.6)
        steps.append(trainer.step)
    assert steps[0] < steps[1] < steps[2] == steps[3]
    assert resumed(Trainer.on_simulated_scans(recipe), checkpoint).finished


def test_there_is_about_a_line_a_minute(config: Path, tmp_path: Path) -> None:
    lines = ticking(Trainer.on_simulated_scans(recipe_of(config)), tmp_path / "tiny.safetensors", minutes=3)
    assert 3 <= len(lines) <= 5
    assert all(line.startswith("step=") for line in lines)


def test_the_shipped_recipe_is_read() -> None:
    recipe = recipe_of(Path("unet"))
    assert (recipe.name, recipe.widths) == ("unet-sim", (32, 64, 128))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "is no training recipe"),
        ("blocks = 2", "name"),
        ('name = "a"\nlayers = 3', "there is no option layers"),
        ('name = "a"\nblocks = "many"', "blocks"),
        ('name = "a"\npatch_px = 512', "patch_px is 512"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_wrong_usage(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        recipe_of(path)


def test_a_recipe_that_is_absent_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        recipe_of(tmp_path / "nowhere.toml")


def test_a_checkpoint_of_another_network_is_wrong_usage(config: Path, tmp_path: Path) -> None:
    Trainer.on_simulated_scans(recipe_of(config)).save(tmp_path / "tiny.safetensors")
    config.write_text(TINY.replace("16]", "24]"))
    with pytest.raises(UsageError, match="move it away"):
        resumed(Trainer.on_simulated_scans(recipe_of(config)), tmp_path / "tiny.safetensors")
