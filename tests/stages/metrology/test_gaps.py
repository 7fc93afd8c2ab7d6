"""The width of the wrong thing is not told: what is no plain pattern is measured line by line, or not at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from schemas.frame import Pixels
from stages.metrology import Lines
from stages.noise import measure
from stages.simulation.scenes import scene
from tests.stages.metrology.conftest import FINER, LAW, SCANNED, SILENT, noisy


def drawn(
    *,
    pitch: float,
    cd: float,
    walk: float = 0.0,
    body: float = 0.6,
    space: float = 0.3,
    rim: float | None = None,
    blur: float = 0.8,
    side: int = 256,
) -> Pixels:
    """Straight upright lines, every second one moved to the right by twice ``walk``; rims have a grey of their own."""
    x = (np.arange(side * FINER) + 0.5) / FINER
    line = np.floor(x / pitch)
    middle = (line + 0.5) * pitch + walk * (line % 2 * 2 - 1)
    inside = cd / 2 - np.abs(x - middle)
    grey = np.where(inside > 0, body, space)
    if rim is not None:
        grey = grey + (rim - body) * np.exp(-((inside / 1.5) ** 2) / 2)
    row = gaussian_filter1d(grey, blur * FINER).reshape(side, FINER).mean(axis=1)
    return np.tile(row.astype(np.float32), (side, 1))


def measured(clean: Pixels, seed: int = 3) -> float | None:
    """Width of the lines of a noisy frame as its metrics tell it."""
    raw = noisy(clean, LAW, seed)
    found = Lines.of(raw, measure(raw))
    return None if found is None else found.cd_px(raw)


@pytest.mark.parametrize(
    ("pitch", "walk"), [(16, 0.5), (16, 1), (16, 1.5), (16, 2), (32, 1), (32, 2), (32, 4), (25.3, 1.7)]
)
def test_lines_of_double_patterning_are_measured_one_by_one(pitch: float, walk: float) -> None:
    """Of spaces of 4 and 12 px the dark of the narrow ones is not reached: 0.17 px are lost."""
    assert measured(drawn(pitch=pitch, cd=pitch / 2, walk=walk)) == pytest.approx(pitch / 2, abs=0.25)


def test_level_ones_too() -> None:
    level = np.ascontiguousarray(drawn(pitch=16, cd=8, walk=1).T)
    assert measured(level) == pytest.approx(8, abs=0.15)


@pytest.mark.parametrize("walk", [1, 2, 4])
def test_with_bright_rims_they_are_as_wide_as_at_even_distances(walk: float) -> None:
    even, walking = (measured(drawn(pitch=32, cd=16, walk=by, body=0.5, rim=0.7)) for by in (0, walk))
    assert even == pytest.approx(walking, abs=0.3)


@pytest.mark.parametrize(("pitch", "walk"), [(8, 1), (12, 1), (12, 2)])
def test_narrow_lines_at_uneven_distances_may_be_rims(pitch: float, walk: float) -> None:
    assert measured(drawn(pitch=pitch, cd=4, walk=walk)) is None


@pytest.mark.parametrize("pitch", [2.7, 3.4, 4, 4.5, 5, 5.5, 6, 7])
def test_a_pitch_that_the_probe_blurs_is_not_taken_for_a_multiple(pitch: float) -> None:
    assert measured(drawn(pitch=pitch, cd=pitch / 2, blur=0.5)) is None


@pytest.mark.parametrize(
    ("cd", "body"),
    [(23, 0.38), (24, 0.38), (25, 0.38), (24, 0.45), (10, 0.38), (20, 0.38), (16, 0.4), (16, 0.35), (16, 0.33)],
)
def test_neither_a_rim_nor_a_space_between_two_is_taken_for_a_line(cd: float, body: float) -> None:
    assert measured(drawn(pitch=32, cd=cd, body=body, rim=0.7)) is None


@pytest.mark.parametrize("body", [0.5, 0.55, 0.6])
@pytest.mark.parametrize("cd", [14, 16, 20, 24])
def test_rims_brighter_than_the_line_belong_to_it(cd: float, body: float) -> None:
    """An edge is the rim's outer flank: wider than the step by up to its half width at half height, 1.9 px here."""
    width = measured(drawn(pitch=32, cd=cd, body=body, rim=0.7))
    assert width is not None
    assert -0.3 < width - cd < 2 * 1.9


@pytest.mark.parametrize(("cd", "pitch"), [(25, 34.2), (12.4, 17.1), (19.5, 24.4)])
def test_a_space_too_narrow_to_be_seen_does_not_make_one_line_of_two(cd: float, pitch: float) -> None:
    assert measured(drawn(pitch=pitch, cd=cd, walk=(pitch - cd) / 2 - 0.5, space=0.2)) is None


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    pitch=st.floats(6, 40),
    duty=st.floats(0.2, 0.8),
    blur=st.floats(0.6, 1.1),
    bright=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_width_is_right_or_absent(pitch: float, duty: float, blur: float, bright: bool, seed: int) -> None:
    frame = drawn(pitch=pitch, cd=duty * pitch, blur=blur)
    width = measured(frame if bright else np.float32(0.9) - frame, seed)
    truth = duty * pitch if bright else (1 - duty) * pitch
    assert width is None or width == pytest.approx(truth, abs=1)
    assert width is not None or min(duty, 1 - duty) * pitch < 5


def test_three_lines_and_noise_of_a_scan_suffice() -> None:
    frame = drawn(pitch=32, cd=16, side=128)
    found = Lines.of(noisy(frame, SCANNED), SCANNED)
    assert found is not None
    assert found.cd_px(frame) == pytest.approx(16, abs=0.2)


def test_lines_at_an_angle_are_not_taken_for_what_their_mean_shows() -> None:
    """The mean over the rows repeats at no multiple of its gaps."""
    slanted = scene("lines", (512, 512), np.random.default_rng([1, 21, 5]))
    assert Lines.of(slanted, SILENT) is None
