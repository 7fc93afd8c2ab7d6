"""`semstream train`."""

from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from stages.training.trainer import Trainer
from streams.checkpoints import held, resumed, save
from streams.cli import outcome_of
from streams.commands.train import recipe_of, run
from streams.errors import UsageError
from tests.full_disk import full_disk

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
        ('name = "a"\nwarm_up_steps = 0', "warm_up_steps is 0; it must be a positive number"),
        ('name = "a"\nwidths = []', "widths is "),
    ],
)
def test_a_recipe_that_makes_no_sense_is_wrong_usage(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said) as caught:
        recipe_of(path)
    assert "pydantic" not in str(caught.value)


def test_a_recipe_that_is_absent_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        recipe_of(tmp_path / "nowhere.toml")


def test_a_checkpoint_of_another_network_is_wrong_usage(config: Path, tmp_path: Path) -> None:
    save(Trainer.on_simulated_scans(recipe_of(config)), tmp_path / "tiny.safetensors")
    config.write_text(TINY.replace("16]", "24]"))
    with pytest.raises(UsageError, match="move it away"):
        resumed(Trainer.on_simulated_scans(recipe_of(config)), tmp_path / "tiny.safetensors")


def test_a_checkpoint_of_another_recipe_is_wrong_usage_and_its_card_is_not_written(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(Trainer.on_simulated_scans(recipe_of(config)), tmp_path / ".training" / "tiny.safetensors")
    config.write_text(TINY + "seed = 8")
    code, said = outcome_of(("train", str(config), "--minutes", "0", "--threads", "1"))
    assert (code, "began with other weights, frames or options; move it away" in said) == (2, True), said
    assert not (tmp_path / "out").exists()


@dataclass
class Machine:
    """A clock that goes on only while something is computed: a minute for a pool of scenes, a second for a step."""

    now_s: float = 0.0
    prepared: bool = False

    def __call__(self) -> float:
        return self.now_s


class Simulated(Trainer):
    """A trainer that takes a machine's time."""

    machine: Machine

    def prepare(self) -> None:
        self.machine.now_s += 60
        self.machine.prepared = True

    def advance(self, *, elapsed_s: float) -> float:
        if not self.machine.prepared:
            self.prepare()
        self.machine.now_s += 1
        return super().advance(elapsed_s=elapsed_s)


def steps_of(config: Path, checkpoint: Path, minutes: float) -> int:
    """Train in slices of so long until the budget is spent."""
    while True:
        trainer = resumed(Simulated.on_simulated_scans(recipe_of(config)), checkpoint)
        assert isinstance(trainer, Simulated)
        if trainer.finished:
            return trainer.step
        trainer.machine = Machine()
        run(trainer, checkpoint, minutes=minutes, clock=trainer.machine, say=lambda line: None)


def test_slices_have_as_many_steps_as_one_run_whatever_each_prepares(config: Path, tmp_path: Path) -> None:
    config.write_text(TINY.replace("total_minutes = 4", "total_minutes = 0.8"))
    one, many = (steps_of(config, tmp_path / f"{minutes}.safetensors", minutes) for minutes in (9, 0.2))
    assert one == many == 48


def test_a_full_disk_is_one_line_and_the_old_checkpoint_survives(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoint = tmp_path / ".training" / "tiny.safetensors"
    save(Trainer.on_simulated_scans(recipe_of(config)), checkpoint)
    before = checkpoint.read_bytes()
    with full_disk():
        code, said = outcome_of(("train", str(config), "--minutes", "0.001", "--threads", "1"))
    assert (code, ".training/tiny.safetensors: File too large" in said) == (1, True), said
    assert checkpoint.read_bytes() == before
    assert sorted(path.name for path in checkpoint.parent.iterdir()) == ["tiny.lock", "tiny.safetensors"]


def test_one_process_at_a_time_trains_from_a_checkpoint(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with held(tmp_path / ".training" / "tiny.safetensors"):
        code, said = outcome_of(("train", str(config), "--minutes", "0", "--threads", "1"))
    assert (code, "another semstream is training from .training/tiny.safetensors" in said) == (2, True), said


def test_no_threads_are_wrong_usage(config: Path) -> None:
    code, said = outcome_of(("train", str(config), "--threads", "0"))
    assert (code, "Invalid value for '--threads'" in said) == (2, True), said
