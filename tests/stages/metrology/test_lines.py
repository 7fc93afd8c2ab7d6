"""Widths and roughness of lines, where the truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.frame import Pixels
from stages.metrology import Lines
from stages.noise import Noise, measure
from tests.stages.metrology.conftest import SCANNED, SILENT, blurred, lines, noisy


def found(frame: Pixels, noise: Noise | None = None) -> Lines:
    measured = Lines.of(frame, noise or measure(frame))
    assert measured is not None
    return measured


@settings(max_examples=12, deadline=None, derandomize=True)
@given(cd=st.floats(8, 20), space=st.floats(8, 20), level=st.booleans())
def test_widths_are_measured_to_a_fraction_of_a_pixel(cd: float, space: float, level: bool) -> None:
    """In spaces of 6 px the dark between two lines is not reached, and 0.13 px are lost."""
    frame = lines(cd=cd, pitch=cd + space, sigma=0.2)
    laid = np.ascontiguousarray(frame.T) if level else frame
    measured = found(laid, SILENT)
    assert measured.upright.level == level
    assert measured.cd_px(laid) == pytest.approx(cd, abs=0.1)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(shift=st.floats(-0.8, 0.8))
def test_moved_edges_are_found_as_bias(shift: float) -> None:
    bias = found(noisy(lines(), SCANNED)).cd_bias(lines(cd=14 + shift))
    assert bias.value == pytest.approx(shift, abs=0.06)
    assert 0.001 < bias.se < 0.05


@pytest.mark.parametrize("seed", range(4))
def test_noise_does_not_bias_the_width_of_the_mean(seed: int) -> None:
    clean = lines()
    raw = noisy(clean, seed=seed)
    measured = found(raw)
    assert measured.cd_px(raw) == pytest.approx(found(clean, SILENT).cd_px(clean), abs=0.06)
    assert abs(measured.cd_bias(clean).value) < 4 * measured.cd_bias(clean).se


@pytest.mark.parametrize("noise", [SCANNED, Noise(0.14, 0.03, 0.0, (1.0,), 0.0, 0.0, holds=True)])
def test_noise_inflates_the_roughness_as_measured_and_not_what_is_compared(noise: Noise) -> None:
    clean = lines()
    raw = noisy(clean, noise)
    measured = found(raw)
    assert measured.lwr_px(raw) > 1.2 * measured.lwr_px(clean)
    change = measured.lwr_change(clean)
    assert change is not None
    assert abs(change.value) < 0.05
    assert abs(change.value) < 4 * change.se


def test_roughness_that_was_shaved_off_is_missed() -> None:
    rough, smoother = lines(sigma=1.0), lines(sigma=0.8)
    change = found(noisy(rough)).lwr_change(smoother)
    assert change is not None
    assert change.value == pytest.approx(-0.2, abs=0.04)


def test_the_bias_of_a_blur_is_found_as_it_is_on_the_clean_frame() -> None:
    clean = lines(cd=5.0, pitch=20.0)
    raw = noisy(clean)
    wide, truly = blurred(raw, 2.0, 2.0), blurred(clean, 2.0, 2.0)
    true_bias = found(clean, SILENT).cd_bias(truly).value
    assert abs(true_bias) > 0.1
    assert found(raw).cd_bias(wide).value == pytest.approx(true_bias, abs=0.05)


def test_a_restoration_without_any_lines_is_biased_without_doubt() -> None:
    measured = found(noisy(lines()))
    for grey in (0.0, 0.2, 1.0):
        bias = measured.cd_bias(np.full((320, 320), grey, np.float32))
        assert abs(bias.value) > 5 + 10 * bias.se


@pytest.mark.parametrize("lean", [0.01, -0.02])
def test_lines_may_lean_a_little(lean: float) -> None:
    frame = lines(lean=lean)
    measured = found(noisy(frame))
    assert measured.upright.lean == pytest.approx(lean, abs=0.001)
    assert measured.cd_px(frame) == pytest.approx(14, abs=0.12)


def test_the_raw_frame_has_no_bias_against_itself() -> None:
    raw = noisy(lines())
    measured = found(raw)
    change = measured.lwr_change(raw)
    assert change is not None
    assert (measured.cd_bias(raw).value, change.value) == (0, 0)


def test_roughness_is_not_compared_where_rows_share_their_noise() -> None:
    raw = noisy(lines())
    correlated = Noise(0.1, 0.015, 0.0, (1.0,), 0.42, 0.0, holds=False)
    assert found(raw, correlated).lwr_change(raw) is None
    turned = np.ascontiguousarray(raw.T)
    assert found(turned, SCANNED).lag == 3


@pytest.mark.parametrize(
    "frame",
    [
        np.full((200, 200), 0.5, np.float32),
        noisy(np.full((200, 200), 0.5, np.float32)),
        lines(shape=(60, 320)),
        lines(lean=0.2),
        np.asarray(np.random.default_rng(1).random((200, 200)) > 0.9, np.float32),
    ],
    ids=["flat", "noise", "low", "leaning", "clipped"],
)
def test_frames_without_lines_that_can_be_measured_are_not(frame: Pixels) -> None:
    assert Lines.of(frame, measure(frame)) is None
