"""The training loop."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from stages.training.recipe import Recipe
from stages.training.samples import ScenePool, batch_at
from stages.training.trainer import Trainer

TINY = Recipe(
    "tiny", (8, 16), 1, total_minutes=1.0, patch_px=32, batch=2, warm_up_steps=2, pool=6, scene_px=48, bf16=False
)


def trained(trainer: Trainer, until: int) -> Trainer:
    while trainer.step < until:
        trainer.advance(elapsed_s=1.0 * trainer.step)
    return trainer


def written(trainer: Trainer, path: Path) -> Path:
    path.write_bytes(trainer.checkpoint())
    return path


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([value.detach().flatten() for value in trainer.network.parameters()])


def averages(trainer: Trainer) -> torch.Tensor:
    return torch.cat([value.flatten() for value in trainer.averaged.values()])


def test_an_interrupted_training_ends_in_the_same_weights(tmp_path: Path) -> None:
    straight = trained(Trainer.on_simulated_scans(TINY), 9)
    written(trained(Trainer.on_simulated_scans(TINY), 4), tmp_path / "half.safetensors")
    resumed = Trainer.on_simulated_scans(TINY)
    resumed.load(tmp_path / "half.safetensors")
    assert (resumed.step, resumed.elapsed_s) == (4, 3.0)
    trained(resumed, 9)
    assert torch.equal(weights(resumed), weights(straight))
    assert torch.equal(averages(resumed), averages(straight))


@pytest.mark.parametrize(("units", "wished", "used"), [(True, True, True), (True, False, False), (False, True, False)])
def test_it_multiplies_in_bfloat16_only_where_the_processor_does(
    monkeypatch: pytest.MonkeyPatch, *, units: bool, wished: bool, used: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": units, "amx_bf16": False})
    seen = []
    trainer = Trainer.on_simulated_scans(replace(TINY, bf16=wished))
    trainer.network.register_forward_hook(lambda *_: seen.append(torch.is_autocast_enabled("cpu")))
    trainer.advance(elapsed_s=0)
    assert (trainer.bf16, seen) == (used, [used])


def test_training_lowers_the_loss() -> None:
    trainer = Trainer.on_simulated_scans(replace(TINY, learning_rate=3e-3))
    losses = [trainer.advance(elapsed_s=0) for _ in range(60)]
    assert np.mean(losses[-15:]) < 0.75 * np.mean(losses[:5])


def test_the_rate_warms_up_and_ends_at_zero_when_the_budget_is_spent() -> None:
    trainer = Trainer.on_simulated_scans(TINY)
    assert trainer.learning_rate() == pytest.approx(0.5 * TINY.learning_rate)
    trainer.step, trainer.elapsed_s = 10, 30.0
    assert trainer.learning_rate() == pytest.approx(0.5 * TINY.learning_rate)
    assert not trainer.finished
    trainer.elapsed_s = 60.0
    assert trainer.learning_rate() == pytest.approx(0, abs=1e-12)
    assert trainer.finished


def test_a_full_checkpoint_of_the_shipped_network_stays_below_16_mib() -> None:
    trainer = Trainer.on_simulated_scans(replace(TINY, widths=(32, 64, 128), blocks=2))
    assert len(trained(trainer, 1).checkpoint()) <= 16 * 2**20


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    path = written(Trainer.on_simulated_scans(TINY), tmp_path / "tiny.safetensors")
    with pytest.raises(ValueError, match="is of a network of the shape"):
        Trainer.on_simulated_scans(replace(TINY, widths=(8, 24))).load(path)


@pytest.mark.parametrize("change", [{"seed": 8}, {"sigma_power": 0.5}, {"pool": 7}, {"total_minutes": 2.0}])
def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = written(Trainer.on_simulated_scans(TINY), tmp_path / "tiny.safetensors")
    with pytest.raises(ValueError, match="began with other weights, frames or options"):
        Trainer.on_simulated_scans(replace(TINY, **change)).load(path)


def test_the_average_lags_behind_the_weights() -> None:
    trainer = trained(Trainer.on_simulated_scans(TINY), 6)
    start = averages(Trainer.on_simulated_scans(TINY))
    moved = (weights(trainer) - start).norm()
    assert 0 < (averages(trainer) - start).norm() < moved


def test_a_batch_follows_from_the_recipe_and_the_step() -> None:
    fresh, used = ScenePool(TINY), ScenePool(TINY)
    for step in range(12):
        batch_at(step, pool=used, recipe=TINY)
    one, two = batch_at(12, pool=fresh, recipe=TINY), batch_at(12, pool=used, recipe=TINY)
    np.testing.assert_array_equal(one.inputs, two.inputs)
    np.testing.assert_array_equal(one.targets, two.targets)
    assert np.abs(one.inputs - batch_at(13, pool=used, recipe=TINY).inputs).max() > 0.1


def test_inputs_differ_from_targets_by_noise_of_the_stated_strength() -> None:
    recipe = replace(TINY, batch=32)
    batch = batch_at(0, pool=ScenePool(recipe), recipe=recipe)
    residual = (batch.inputs[:, :1] - batch.targets) / batch.sigmas[:, None, None, None]
    assert np.median(residual.std((1, 2, 3))) == pytest.approx(1, abs=0.08)
    assert np.median(np.abs(residual.mean((1, 2, 3)))) < 0.1
    np.testing.assert_allclose(batch.inputs[:, 1, 0, 0], 4 * batch.sigmas, rtol=0.1)
    assert batch.inputs.shape == (32, 4, 32, 32)


def test_the_oldest_scene_gives_way_to_a_new_one() -> None:
    pool = ScenePool(TINY)
    first, later = pool.at(0), pool.at(TINY.steps_per_scene)
    np.testing.assert_array_equal(first[1], later[0])
    assert len(later) == TINY.pool
    assert not np.array_equal(first[-1], later[-1])


def test_a_recipe_whose_crops_exceed_its_scenes_is_refused() -> None:
    with pytest.raises(ValueError, match="patch_px is 64"):
        replace(TINY, patch_px=64)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(b"garbage")
    with pytest.raises(ValueError, match="is no checkpoint"):
        Trainer.on_simulated_scans(TINY).load(path)
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="is no checkpoint"):
        Trainer.on_simulated_scans(TINY).load(path)


@pytest.mark.parametrize("part", ["network", "averaged", "exp_avg", "exp_avg_sq"])
def test_a_checkpoint_that_lacks_a_tensor_is_refused(tmp_path: Path, part: str) -> None:
    path = written(trained(Trainer.on_simulated_scans(TINY), 1), tmp_path / "tiny.safetensors")
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    save_file({name: value for name, value in tensors.items() if name != f"{part}.tail.weight"}, path, metadata)
    with pytest.raises(ValueError, match=f"is no whole checkpoint: it lacks {part}.tail.weight"):
        Trainer.on_simulated_scans(TINY).load(path)
    save_file({**tensors, f"{part}.tail.weight": torch.zeros(1)}, path, metadata)
    with pytest.raises(ValueError, match="in another shape"):
        Trainer.on_simulated_scans(TINY).load(path)
    save_file(tensors, path, {"shape": metadata["shape"]})
    with pytest.raises(ValueError, match="is no checkpoint"):
        Trainer.on_simulated_scans(TINY).load(path)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"warm_up_steps": 0},
        {"steps_per_scene": 0},
        {"widths": ()},
        {"widths": (8, 0)},
        {"blocks": 0},
        {"batch": 0},
        {"patch_px": 8},
        {"learning_rate": float("nan")},
        {"learning_rate": -1e-3},
        {"total_minutes": float("inf")},
        {"ema": 1.0},
        {"sigma_power": float("nan")},
        {"seed": -1},
        {"name": "../tiny"},
        {"name": ""},
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(nonsense))):
        replace(TINY, **nonsense)
