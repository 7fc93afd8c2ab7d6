from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
import torch

from schemas.frame import Pixels
from stages.filter.bm3d import Bm3d, method, on_tensors
from stages.filter.bm3d.blocks import SIDE, Bases, Canvas, Sums, fold, transformed
from stages.filter.bm3d.groups import Likest, haar, inverse_haar, like_blocks
from stages.filter.bm3d.on_tensors import TorchBm3d
from stages.filter.bm3d.profiles import PROFILES
from stages.filter.bm3d_pypi import Bm3dPypi
from stages.filter.gaussian import Gaussian
from stages.noise import Noise, measure
from tests.stages.scan import psnr, scanned, scene

LAW = Noise(0.08, 0.0145, 0.0, (1.0, 0.48, 0.09), 0.0, 0.0, holds=True)
WHITE = replace(LAW, row_acf=(1.0,))
ENGINES = (Bm3d, TorchBm3d)


def noise_of(shape: tuple[int, int], law: Noise = LAW) -> Pixels:
    flat = replace(law, sigma=1.0, gain=0.0, offset=1.0)
    return flat.draw(np.zeros(shape, np.float32), np.random.default_rng(1))


def test_blocks_that_nobody_changed_fold_into_the_frame_they_were_taken_from() -> None:
    pixels, bases = noise_of((20, 31)), Bases.of(LAW)
    blocks = transformed(pixels, bases)
    canvas = Canvas.of(pixels.shape)
    fold(Sums(blocks, np.ones(blocks.shape[:2], np.float32)), bases.vertical, bases.colouring, canvas)
    np.testing.assert_allclose(canvas.mean(), pixels, atol=1e-5)


@pytest.mark.parametrize("law", [LAW, WHITE])
def test_noise_of_the_law_has_variance_one_in_every_coefficient(law: Noise) -> None:
    blocks = transformed(noise_of((400, 400), law), Bases.of(law))
    np.testing.assert_allclose(blocks.var(axis=(0, 1)), 1, atol=0.12)


def test_white_noise_needs_no_whitening() -> None:
    bases = Bases.of(WHITE)
    np.testing.assert_array_equal(bases.variances, 1)
    np.testing.assert_array_equal(bases.whitening, bases.vertical)


@pytest.mark.parametrize("count", [1, 2, 8, 16])
def test_the_transform_along_a_group_is_orthonormal_and_its_first_row_the_scaled_mean(count: int) -> None:
    group = np.random.default_rng(2).standard_normal((16, 64)).astype(np.float32)
    before, spare = group.copy(), np.empty_like(group)
    haar(group, spare, count)
    np.testing.assert_allclose(np.square(group).sum(axis=0), np.square(before).sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(group[0], before[:count].sum(axis=0) / count**0.5, rtol=1e-4, atol=1e-5)
    inverse_haar(group, spare, count)
    np.testing.assert_allclose(group, before, atol=1e-5)


def test_the_likest_blocks_are_those_of_least_distance_the_reference_first() -> None:
    features = np.random.default_rng(3).standard_normal((30, 40, 16)).astype(np.float32)
    likest = Likest(np.empty((8, 2), np.int32), np.empty(8, np.float32))
    assert like_blocks(features, 12, 3, 5, likest) == 8
    distances = np.square(features[7:18, 0:9] - features[12, 3]).sum(axis=-1)
    nearest = np.argsort(distances, axis=None)[:8]
    rows, columns = np.unravel_index(nearest, distances.shape)
    assert likest.places.tolist() == np.stack([rows + 7, columns], axis=1).tolist()
    assert all(first <= second for first, second in pairwise(likest.distances))


def test_where_fewer_blocks_are_near_all_of_them_are_found() -> None:
    features = np.random.default_rng(4).standard_normal((2, 2, 16)).astype(np.float32)
    likest = Likest(np.empty((8, 2), np.int32), np.empty(8, np.float32))
    assert like_blocks(features, 1, 1, 5, likest) == 4


@pytest.mark.parametrize("engine", ENGINES)
def test_what_repeats_is_restored_from_its_repetitions(engine: type[Bm3d]) -> None:
    x = np.arange(120, dtype=np.float32)
    clean = np.tile((0.4 + 0.15 * np.sin(2 * np.pi * x / 6)).astype(np.float32), (120, 1))
    frame = scanned(clean, electrons=60)
    assert psnr(engine()([frame], [measure(frame)])[0], clean) > psnr(frame, clean) + 12


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("kind", "by_db"), [("particles", 2.5), ("lines", 0.1)])
@pytest.mark.parametrize("lag1", [0.0, 0.5])
def test_it_restores_better_than_averaging(engine: type[Bm3d], kind: str, by_db: float, lag1: float) -> None:
    clean = scene(kind)
    frame = scanned(clean, electrons=40, lag1=lag1)
    noise = measure(frame)
    ours, theirs = (psnr(m([frame], [noise])[0], clean) for m in (engine(), Gaussian()))
    assert ours > theirs + by_db


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("electrons", [20, 100, 500])
def test_knowing_that_noise_is_correlated_along_rows_helps(engine: type[Bm3d], electrons: float) -> None:
    clean = scene("lines")
    frame = scanned(clean, electrons=electrons, lag1=0.6)
    noise = measure(frame)
    known, unknown = (psnr(engine()([frame], [law])[0], clean) for law in (noise, replace(noise, row_acf=(1.0,))))
    assert known > unknown + 0.5


def test_strength_one_beats_half_and_twice() -> None:
    clean = scene()
    frame = scanned(clean, electrons=60, lag1=0.4)
    weak, right, strong = (psnr(Bm3d(s)([frame], [measure(frame)])[0], clean) for s in (0.5, 1.0, 2.0))
    assert right > max(weak, strong)


def test_more_work_gives_more() -> None:
    clean = scene("texture")
    frame = scanned(clean, electrons=40, lag1=0.5)
    fast, best = (psnr(Bm3d(profile=p)([frame], [measure(frame)])[0], clean) for p in ("fast", "best"))
    assert best > fast


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    ("kind", "electrons", "lag1"), [("lines", 20, 0.5), ("texture", 60, 0.0), ("particles", 200, 0.3)]
)
def test_loops_and_tensors_agree(
    profile: Literal["fast", "normal", "best"], kind: str, electrons: float, lag1: float
) -> None:
    clean = scene(kind, height=96, width=120)
    frame = scanned(clean, electrons=electrons, lag1=lag1)
    law = measure(frame)
    loops, tensors = (engine(profile=profile)([frame], [law])[0] for engine in ENGINES)
    assert psnr(tensors, clean) == pytest.approx(psnr(loops, clean), abs=0.02)
    assert psnr(tensors, loops) > psnr(loops, clean) + 20


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (SIDE, 30), (17, 9)])
def test_loops_and_tensors_agree_on_frames_with_few_blocks(shape: tuple[int, int]) -> None:
    pixels, bases, profile = noise_of(shape), Bases.of(LAW), PROFILES["fast"]
    transforms = on_tensors.Transforms.of(bases, torch.device("cpu"))
    by_tensors = on_tensors.denoised(torch.from_numpy(pixels), transforms, profile).numpy()
    np.testing.assert_allclose(by_tensors, method.denoised(pixels, bases, profile), atol=1e-3)


@pytest.mark.parametrize("shape", [(200, 64), (SIDE, 64), (61, 67)])
def test_bands_do_not_show(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, bases, profile = noise_of(shape), Bases.of(LAW), PROFILES["fast"]
    in_bands = method.denoised(pixels, bases, profile)
    monkeypatch.setattr(method, "REFERENCE_ROWS", 1000)
    np.testing.assert_allclose(in_bands, method.denoised(pixels, bases, profile), atol=1e-4)


@pytest.mark.parametrize("shape", [(200, 64), (61, 67)])
def test_bands_of_tensors_do_not_show(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, profile = torch.from_numpy(noise_of(shape)), PROFILES["fast"]
    transforms = on_tensors.Transforms.of(Bases.of(LAW), torch.device("cpu"))
    at_once = on_tensors.denoised(pixels, transforms, profile)
    monkeypatch.setattr(on_tensors, "GROUPS", 20)
    torch.testing.assert_close(on_tensors.denoised(pixels, transforms, profile), at_once, atol=1e-4, rtol=0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_is_no_worse_than_the_authors_own() -> None:
    pytest.importorskip("bm3d")
    clean = scene(height=128, width=128)
    frames = [scanned(clean, electrons=60, lag1=0.48, seed=seed) for seed in (1, 2, 3)]
    laws = [measure(frame) for frame in frames]
    ours, theirs = (
        np.mean([psnr(restored, clean) for restored in restore(frames, laws)])
        for restore in (Bm3d(profile="best"), Bm3dPypi())
    )
    assert ours > theirs - 0.15
