"""Adaptation to frames without clean ones, and the gate that it must pass."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from schemas.frame import Pixels
from stages.denoise.network import NetworkDenoiser
from stages.denoise.resident import shape_of, tensors_of
from stages.noise import Noise, measure
from stages.registration import Alignment
from stages.second_frame import SecondFrame, second_frame_of
from stages.stabilise import Stabiliser
from stages.training.adaptation import Adaptation, OneFrame, Partner, TwoFrames, lessons, whole_noise
from stages.training.export import averaged
from stages.training.gate import Verdict, judge
from stages.training.recipe import Recipe
from stages.training.samples import Batches
from stages.training.trainer import Trainer
from tests.priors import frames

TINY = Adaptation("tiny", (8, 16), 1, patch_px=32, batch=4, learning_rate=2e-3, total_steps=120, bf16=False)
SIMULATED = Recipe("tiny", (8, 16), 1, patch_px=32, batch=4, learning_rate=4e-3, pool=12, scene_px=64, bf16=False)


@pytest.fixture(scope="module")
def feed() -> list[Pixels]:
    return list(frames(8, electrons=40, lag1=0.5, side=96))


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a small network that has seen some simulated scans."""
    trainer = Trainer.on_simulated_scans(SIMULATED)
    for _ in range(200):
        trainer.advance(elapsed_s=0)
    path = tmp_path_factory.mktemp("start") / "start.safetensors"
    path.write_bytes(averaged(trainer))
    return path


def white(frame: Pixels) -> Noise:
    """The law of a frame by somebody who takes its noise for white."""
    return replace(measure(frame), row_acf=(1.0,))


def recorrupted(frames: list[Pixels], laws: list[Noise], course: Adaptation) -> Batches:
    return lessons([OneFrame.of(frame, law) for frame, law in zip(frames, laws, strict=True)], course)


def trainer_on(feed: list[Pixels], start: Path, law: Callable[[Pixels], Noise] = measure) -> Trainer:
    batches = recorrupted(feed, [law(frame) for frame in feed], TINY)
    return Trainer(TINY, batches, start=tensors_of(str(start)), origin="a feed")


def adapted(trainer: Trainer) -> Trainer:
    while not trainer.finished:
        trainer.advance(elapsed_s=0)
    return trainer


def verdict_on(trainer: Trainer, start: Path, held_out: list[Pixels], folder: Path) -> Verdict:
    (folder / "after.safetensors").write_bytes(averaged(trainer))
    before, after = (NetworkDenoiser(str(path), (8, 16), 1) for path in (start, folder / "after.safetensors"))
    seeds = [str(number) for number in range(len(held_out))]
    return judge(before, after, held_out, [measure(frame) for frame in held_out], seeds)


@pytest.mark.timeout(900)  # two trainings: half a minute on a quiet machine
def test_an_adaptation_by_the_measured_law_passes_and_one_by_a_white_law_is_refused(
    feed: list[Pixels], start: Path, tmp_path: Path
) -> None:
    right = verdict_on(adapted(trainer_on(feed[:5], start)), start, feed[5:], tmp_path)
    wrong = verdict_on(adapted(trainer_on(feed[:5], start, white)), start, feed[5:], tmp_path)
    assert right.accepted
    assert not wrong.accepted
    assert wrong.after > wrong.before
    assert (right.frames, right.before) == (3, wrong.before)


def test_recorrupted_frames_are_uncorrelated_where_the_law_is_right_and_correlated_where_it_is_not() -> None:
    flat = np.full((192, 256), 0.4, np.float32)
    law = Noise(0.08, 0.0, 0.0064, (1.0, 0.5), 0.0, 0.0, holds=True)
    noisy = flat + law.draw(flat, np.random.default_rng(0))
    course = replace(TINY, batch=32, patch_px=96)

    def covariance(told: Noise) -> float:
        batch = recorrupted([noisy], [told], course)(0)
        seen, judged = batch.inputs[:, 0] - 0.4, batch.targets[:, 0] - 0.4
        neighbours = seen[:, :, 1:] * judged[:, :, :-1]
        return float(neighbours.mean() / law.sigma**2)

    assert abs(covariance(law)) < 0.06
    assert covariance(replace(law, row_acf=(1.0,))) > 0.35


def test_a_network_is_told_of_the_noise_that_was_added(feed: list[Pixels]) -> None:
    law = measure(feed[0])
    batch = recorrupted(feed[:1], [law], TINY)(0)
    np.testing.assert_allclose(batch.inputs[:, 1], 4 * 1.25**0.5 * Stabiliser.of(law).sigma, rtol=1e-5)
    np.testing.assert_allclose(batch.inputs[:, 2], law.row_acf[1], rtol=1e-5)
    assert batch.targets.shape == (4, 1, 32, 32)


def test_an_interrupted_adaptation_ends_in_the_same_weights(feed: list[Pixels], start: Path, tmp_path: Path) -> None:
    def after(steps: int, trainer: Trainer) -> Trainer:
        while trainer.step < steps:
            trainer.advance(elapsed_s=0)
        return trainer

    straight = after(9, trainer_on(feed, start))
    (tmp_path / "half.safetensors").write_bytes(after(4, trainer_on(feed, start)).checkpoint())
    resumed = trainer_on(feed, start)
    resumed.load(tmp_path / "half.safetensors")
    after(9, resumed)
    assert all(torch.equal(value, straight.averaged[name]) for name, value in resumed.averaged.items())


def test_a_checkpoint_of_another_origin_is_refused(feed: list[Pixels], start: Path, tmp_path: Path) -> None:
    (tmp_path / "one.safetensors").write_bytes(trainer_on(feed, start).checkpoint())
    other = Trainer(TINY, recorrupted(feed, [measure(frame) for frame in feed], TINY), origin="another feed")
    with pytest.raises(ValueError, match="began with other weights, frames or options"):
        other.load(tmp_path / "one.safetensors")


def test_the_rate_follows_the_steps_and_not_the_clock(feed: list[Pixels], start: Path) -> None:
    trainer = trainer_on(feed, start)
    trainer.elapsed_s = 1e6
    assert not trainer.finished
    trainer.step = 60
    assert trainer.learning_rate() == pytest.approx(1e-3)
    trainer.step = 120
    assert trainer.finished


def test_frames_that_teach_nothing_are_told_apart(feed: list[Pixels]) -> None:
    law = measure(feed[0])
    assert TINY.why_not(feed[0], law) is None
    assert TINY.why_not(feed[0], replace(law, holds=False, why_not="resampled")) == "resampled"
    assert TINY.why_not(feed[0], replace(law, saturated=0.2)) == "20% of its pixels are clipped"
    assert TINY.why_not(feed[0][:20], law) == "its shorter side is 20 px, less than 32"


def test_the_shape_of_a_network_is_read_off_its_weights(start: Path) -> None:
    assert shape_of(str(start)) == ((8, 16), 1)
    assert shape_of("unet-sim") == ((32, 64, 128), 2)


def test_an_unchanged_network_does_not_pass(feed: list[Pixels], start: Path) -> None:
    same = NetworkDenoiser(str(start), (8, 16), 1)
    verdict = judge(same, same, feed[:2], [measure(frame) for frame in feed[:2]], ["a", "b"])
    assert (verdict.after - verdict.before, verdict.se) == (0, 0)
    assert not verdict.accepted


def test_pixels_among_clipped_ones_do_not_count() -> None:
    frame = np.full((96, 160), 0.4, np.float32)
    frame[:, 120:] = np.random.default_rng(0).normal(0.95, 0.1, (96, 40)).clip(0, 1)
    counted = whole_noise(frame)
    assert counted[:, :70].all()
    assert not counted[:, 115:].any()
    frame[10, 10] = 1
    assert whole_noise(frame)[:, :70].all()
    law = Noise(0.02, 0.0, 0.0004, (1.0,), 0.0, 0.0, holds=True)
    batch = recorrupted([frame], [law], replace(TINY, batch=16))(0)
    assert 0 < batch.counted.mean() < 1
    bright = (batch.inputs[:, :1] > 0.8) & (batch.counted > 0)
    assert bright.mean() < 0.001


def test_both_draws_of_a_crop_have_the_same_middle(feed: list[Pixels]) -> None:
    batch = recorrupted(feed, [measure(frame) for frame in feed], TINY)(3)
    middles = (batch.inputs[0::2, 0] + batch.inputs[1::2, 0]) / 2
    np.testing.assert_allclose(middles, (batch.targets[0::2, 0] + batch.targets[1::2, 0]) / 2, atol=1e-5)
    assert np.abs(batch.inputs[0] - batch.inputs[1]).max() > 0.05


LAW = Noise(0.06, 0.012, 0.0004, (1.0, 0.45, 0.08), 0.0, 0.0, holds=True)
DRIFT = (2.5, -3.25)


def grains(side: int = 192, seed: int = 8) -> Pixels:
    rough = cv2.GaussianBlur(np.random.default_rng(seed).standard_normal((side, side)), (0, 0), 6)
    return np.asarray(cv2.GaussianBlur(np.where(rough > 0, 0.65, 0.3), (0, 0), 1.5), np.float32)


def two_frames(clean: Pixels, *, seed: int, brighter: float = 0.04) -> tuple[Pixels, Pixels]:
    """Two scans of a field that drifts between them, the second a little brighter."""
    moved = Alignment(np.eye(2), np.array(DRIFT)).warp(clean) + np.float32(brighter)
    noises = [LAW.draw(level, np.random.default_rng(2 * seed + n)) for n, level in enumerate((clean, moved))]
    return clean + noises[0], moved + noises[1]


def pair_of(first: Pixels, second: Pixels) -> TwoFrames:
    found = second_frame_of(first, second, measure(first))
    assert isinstance(found, SecondFrame)
    return TwoFrames.of(first, measure(first), Partner.of(second, found))


def test_each_of_two_frames_is_foretold_from_the_other_where_both_show_the_same() -> None:
    clean = grains()
    pair = pair_of(*two_frames(clean, seed=1))
    for way in (pair.there, pair.back):
        inside = way.counted > 0
        assert 0.9 < inside.mean() < 0.97, "what drifted out of either frame does not count"
        errors = (way.pixels - way.other)[inside]
        assert abs(float(errors.mean())) < 0.1 * way.sigma
        assert errors.std() == pytest.approx(2**0.5 * way.sigma, rel=0.1)
    truth, way = Stabiliser.of(LAW).forward(clean), pair.there
    ours, theirs = (frame - truth for frame in (way.pixels, way.other))
    inside = way.counted > 0
    assert abs(float(np.corrcoef(ours[inside], theirs[inside])[0, 1])) < 0.03
    smooth = cv2.GaussianBlur(theirs, (0, 0), 3)[8:-8, 8:-8]
    assert np.abs(smooth).mean() < 0.25 * way.sigma, "the other frame lies where the first does"


def test_a_batch_of_two_frames_has_a_crop_of_either_way(feed: list[Pixels]) -> None:
    pair = pair_of(*two_frames(grains(), seed=2))
    batch = lessons([pair], replace(TINY, batch=4))(0)
    assert batch.inputs.shape == (4, 4, 32, 32)
    assert batch.targets.shape == batch.counted.shape == (4, 1, 32, 32)
    np.testing.assert_allclose(batch.inputs[0::2, 1], 4 * pair.there.sigma, rtol=1e-5)
    mixed = lessons([pair, OneFrame.of(feed[0], measure(feed[0]))], replace(TINY, batch=32))(0)
    assert len({round(float(told), 4) for told in mixed.inputs[:, 1, 0, 0]}) == 3, "two ways, and a frame alone"


def test_what_two_frames_teach_passes_the_gate(start: Path, tmp_path: Path) -> None:
    pairs = [pair_of(*two_frames(grains(seed=seed), seed=seed)) for seed in range(5)]
    held_out = [two_frames(grains(seed=seed), seed=seed)[0] for seed in range(5, 8)]
    trainer = adapted(Trainer(TINY, lessons(pairs, TINY), start=tensors_of(str(start))))
    assert verdict_on(trainer, start, held_out, tmp_path).accepted


def test_what_is_clipped_in_either_frame_does_not_count_however_much_brighter_one_is() -> None:
    clean = grains()
    clean[:, 120:] = 0.93
    first, second = (np.clip(frame, 0, 1) for frame in two_frames(clean, seed=3, brighter=0.06))
    found = second_frame_of(first, second, LAW)
    assert isinstance(found, SecondFrame)
    assert found.brighter > 0.02
    pair = TwoFrames.of(first, LAW, Partner.of(second, found))
    for way in (pair.there, pair.back):
        assert way.counted[:, 20:80].mean() > 0.9
        assert not way.counted[:, 130:].any()
