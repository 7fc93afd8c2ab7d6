import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from schemas.frame import Pixels
from stages.drift import Drift, drift_between
from stages.noise import Noise, measure

SIDE = 256
LAW = Noise(0.08, 0.0145, 0.0004, (1.0, 0.4), 0.0, 0.0, holds=True)


def grains() -> Pixels:
    """Grains some pixels wide, larger than any frame cut from it."""
    rough = gaussian_filter(np.random.default_rng(3).standard_normal((SIDE + 60, SIDE + 60)), 3)
    return np.asarray(0.5 + 0.15 * rough / rough.std(), np.float32)


def cut(scene: Pixels, drift: tuple[float, float]) -> Pixels:
    """Frame in which the content of the scene's middle has drifted so far."""
    return np.asarray(shift(scene, drift, order=5)[30:-30, 30:-30], np.float32)


def noisy(clean: Pixels, seed: int, law: Noise = LAW) -> Pixels:
    return np.asarray(np.clip(clean + law.draw(clean, np.random.default_rng(seed)), 0, 1))


def found(first: Pixels, second: Pixels) -> Drift:
    return drift_between(first, second, (measure(first), measure(second)))


def disc(contrast: float) -> Pixels:
    y, x = np.mgrid[: SIDE + 60, : SIDE + 60]
    return np.asarray(0.4 + contrast * ((y - 170) ** 2 + (x - 180) ** 2 < 36), np.float32)


@pytest.mark.parametrize("drift", [(0.0, 0.0), (4.6, -5.3), (-0.45, 0.5), (21.3, -17.8)])
def test_the_drift_between_two_noisy_frames_is_found_within_a_tenth_of_a_pixel(drift: tuple[float, float]) -> None:
    result = found(noisy(cut(grains(), (0, 0)), 1), noisy(cut(grains(), drift), 2))
    assert result.by == pytest.approx(drift, abs=0.1)
    assert result.told


def test_one_feature_that_stands_out_tells_the_drift() -> None:
    result = found(noisy(cut(disc(0.4), (0, 0)), 1), noisy(cut(disc(0.4), (7, -12)), 2))
    assert result.by == pytest.approx((7, -12), abs=1)
    assert result.told


def test_a_feature_near_the_side_tells_the_drift() -> None:
    scene = np.roll(disc(0.4), (30 + 16 - 170, 30 + 16 - 180), (0, 1))
    result = found(noisy(cut(scene, (0, 0)), 1), noisy(cut(scene, (3, 5)), 2))
    assert result.by == pytest.approx((3, 5), abs=1)
    assert result.told


@pytest.mark.parametrize("drift", [(0, 0), (12, -9)])
def test_a_flat_field_and_a_faint_feature_tell_no_drift(drift: tuple[float, float]) -> None:
    for contrast in (0.0, 0.05):
        results = [
            found(noisy(cut(disc(contrast), (0, 0)), n), noisy(cut(disc(contrast), drift), 50 + n)) for n in range(8)
        ]
        assert not any(result.told for result in results)


@pytest.mark.parametrize("along", [0, 1])
def test_along_a_straight_edge_nothing_is_told_and_no_drift_assumed(along: int) -> None:
    edge = np.full((SIDE + 60, SIDE + 60), 0.35, np.float32)
    edge[:, 160:] = 0.6
    drift = np.array([0.0, 3.0])
    for seed in range(6):
        frames = [noisy(cut(edge, moved).copy(), 2 * seed + n) for n, moved in enumerate(((0, 0), (0, 3)))]
        first, second = (np.ascontiguousarray(frame.T) if along else frame for frame in frames)
        laws = (LAW, LAW) if along else (measure(first), measure(second))
        result = drift_between(first, second, laws)
        assert result.by[along] == 0
        assert result.by == pytest.approx(drift[::-1] if along else drift, abs=0.3)
        assert result.told


def test_rows_that_flicker_are_not_taken_for_a_drift() -> None:
    rng = np.random.default_rng(4)
    for seed in range(6):
        rows = rng.normal(0, 0.03, (2, SIDE, 1)).astype(np.float32)
        first, second = (noisy(np.full((SIDE, SIDE), 0.5, np.float32), 2 * seed + n) + rows[n] for n in range(2))
        assert not found(first, second).told


@pytest.mark.parametrize("shape", [(14, 96), (17, 31), (251, 40)])
def test_frames_of_any_shape_have_a_drift(shape: tuple[int, int]) -> None:
    scene = grains()[: shape[0], : shape[1]]
    assert drift_between(noisy(scene, 1), noisy(scene, 2), (LAW, LAW)).by == pytest.approx((0, 0), abs=0.5)


def test_frames_that_share_next_to_nothing_have_some_drift_and_no_error() -> None:
    first = np.zeros((40, 40), np.float32)
    second = first.copy()
    first[:4], second[-4:] = 1, 1
    assert np.isfinite(drift_between(first, second, (LAW, LAW)).by).all()
