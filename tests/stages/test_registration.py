import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

from schemas.frame import Pixels
from stages.registration import Alignment, match_grey, register, shift_between

SHAPE = (240, 280)
MARGIN_PX = 30


@pytest.fixture(scope="module")
def scene() -> Pixels:
    """Grains some pixels wide, larger than any frame cut from it."""
    rng = np.random.default_rng(3)
    rough = gaussian_filter(rng.standard_normal((SHAPE[0] + 60, SHAPE[1] + 60)), 3)
    return np.asarray(0.5 + 0.15 * rough / rough.std(), np.float32)


def cut(scene: Pixels, matrix: NDArray[np.float64], offset: NDArray[np.float64]) -> Pixels:
    """Frame whose point ``matrix @ p + offset`` shows what the plain frame shows at ``p``."""
    inverse = np.linalg.inv(matrix)
    warped = affine_transform(scene, inverse, MARGIN_PX - inverse @ offset, output_shape=SHAPE, order=5)
    return np.asarray(warped, np.float32)


def furthest_miss(found: Alignment, matrix: NDArray[np.float64], offset: NDArray[np.float64]) -> float:
    """Largest distance in pixels between the true and the found place of the frame's corners."""
    corners = np.array([(0, 0), (0, SHAPE[1]), (SHAPE[0], 0), SHAPE], np.float64).T
    difference = (found.matrix - matrix) @ corners + (found.offset - offset)[:, None]
    return float(np.hypot(*difference).max())


@pytest.mark.parametrize("shift", [(0.0, 0.0), (2.3, -4.7), (-0.85, 0.4)])
def test_a_known_shift_is_recovered_within_a_twentieth_of_a_pixel(scene: Pixels, shift: tuple[float, float]) -> None:
    offset = np.array(shift)
    found = register(cut(scene, np.eye(2), np.zeros(2)), cut(scene, np.eye(2), offset))
    assert furthest_miss(found, np.eye(2), offset) < 0.05


def test_a_change_of_scale_and_a_slight_turn_are_recovered_within_a_twentieth_of_a_pixel(scene: Pixels) -> None:
    matrix, offset = np.array([[0.995, 0.002], [-0.001, 1.004]]), np.array([1.6, -2.2])
    found = register(cut(scene, np.eye(2), np.zeros(2)), cut(scene, matrix, offset))
    assert furthest_miss(found, matrix, offset) < 0.05


def test_row_correlated_noise_moves_the_map_by_less_than_a_fifth_of_a_pixel(scene: Pixels) -> None:
    noise = gaussian_filter(np.random.default_rng(5).standard_normal(SHAPE), (0, 0.7))
    offset = np.array([1.3, 3.4])
    noisy = cut(scene, np.eye(2), offset) + np.float32(0.1) * (noise / noise.std())
    found = register(cut(scene, np.eye(2), np.zeros(2)), np.asarray(noisy, np.float32))
    assert furthest_miss(found, np.eye(2), offset) < 0.2


def test_the_warped_clean_frame_lies_on_the_noisy_one(scene: Pixels) -> None:
    matrix, offset = np.array([[1.003, 0.0], [0.0, 0.997]]), np.array([2.5, -1.5])
    clean, moved = cut(scene, np.eye(2), np.zeros(2)), cut(scene, matrix, offset)
    inner = np.s_[12:-12, 12:-12]
    assert np.abs(register(clean, moved).warp(clean) - moved)[inner].max() < 0.02
    assert np.abs(clean - moved)[inner].max() > 0.2


def test_a_constant_frame_is_left_where_it_is(scene: Pixels) -> None:
    found = register(np.full(SHAPE, 0.5, np.float32), cut(scene, np.eye(2), np.zeros(2)))
    assert furthest_miss(found, np.eye(2), np.zeros(2)) == 0


def test_the_shift_says_how_far_the_content_moved(scene: Pixels) -> None:
    moved = np.roll(scene, (3, -2), (0, 1))
    assert shift_between(scene, moved) == pytest.approx([3, -2], abs=0.05)


def test_gain_and_offset_are_undone_and_saturated_pixels_have_no_say(scene: Pixels) -> None:
    brighter = 0.8 * scene + 0.1
    noisy = brighter.copy()
    noisy[:40] = 1.0
    assert match_grey(scene, noisy) == pytest.approx(brighter, abs=1e-4)


def test_a_fully_saturated_frame_leaves_the_clean_one_as_it_is(scene: Pixels) -> None:
    assert match_grey(scene, np.ones_like(scene)) is scene
