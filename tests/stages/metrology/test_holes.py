"""Area and shape of holes, where the truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.frame import Pixels
from stages.metrology import Holes
from stages.noise import Noise, measure
from tests.stages.metrology.conftest import SCANNED, SILENT, blurred, holes, noisy


def found(frame: Pixels, noise: Noise | None = None) -> Holes:
    measured = Holes.of(frame, noise or measure(frame))
    assert measured is not None
    return measured


@settings(max_examples=12, deadline=None, derandomize=True)
@given(width=st.floats(9, 16), height=st.floats(9, 16))
def test_area_and_shape_are_measured(width: float, height: float) -> None:
    frame = holes(width=width, height=height)
    measured = found(frame, SILENT)
    assert measured.area_px2(frame) == pytest.approx(np.pi * width * height / 4, rel=0.05)
    assert measured.ellipticity(frame) == pytest.approx(width / height, rel=0.05)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(wider=st.floats(-0.8, 0.8))
def test_changes_are_found_through_the_noise(wider: float) -> None:
    clean, changed = holes(), holes(width=13 + wider)
    truth, measured = found(clean, SILENT), found(noisy(clean, SCANNED))
    area, shape = measured.area_change(changed), measured.ellipticity_change(changed)
    assert area.value == pytest.approx(truth.area_change(changed).value, abs=0.02)
    assert shape.value == pytest.approx(truth.ellipticity_change(changed).value, abs=0.02)
    assert 0 < area.se < 0.02


@pytest.mark.parametrize("seed", range(4))
def test_noise_does_not_change_the_mean_hole(seed: int) -> None:
    clean = holes()
    measured = found(noisy(clean, seed=seed))
    for change in (measured.area_change(clean), measured.ellipticity_change(clean)):
        assert abs(change.value) < max(4 * change.se, 0.01)


def test_a_blur_makes_holes_smaller_and_one_along_the_row_changes_their_shape() -> None:
    clean = holes(width=8, height=8, pitch=20, side=320)
    raw = noisy(clean)
    measured, truth = found(raw), found(clean, SILENT)
    for sigmas in ((1.5, 1.5), (2.0, 0.1)):
        smooth, truly = blurred(raw, *sigmas), blurred(clean, *sigmas)
        assert measured.area_change(smooth).value == pytest.approx(truth.area_change(truly).value, abs=0.02)
        shape = measured.ellipticity_change(smooth).value
        assert shape == pytest.approx(truth.ellipticity_change(truly).value, abs=0.025)


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_a_restoration_without_holes_has_changed_without_doubt(grey: float) -> None:
    change = found(noisy(holes())).area_change(np.full((312, 312), grey, np.float32))
    assert abs(change.value) > 0.3 + 10 * change.se


def test_the_raw_frame_has_not_changed() -> None:
    raw = noisy(holes())
    measured = found(raw)
    assert (measured.area_change(raw).value, measured.ellipticity_change(raw).value) == (0, 0)


@pytest.mark.parametrize(
    "frame",
    [
        np.full((200, 200), 0.5, np.float32),
        noisy(np.full((200, 200), 0.5, np.float32)),
        holes(side=52),
        holes(pitch=60, side=200),
    ],
    ids=["flat", "noise", "small", "few"],
)
def test_frames_without_enough_holes_are_not_measured(frame: Pixels) -> None:
    assert Holes.of(frame, measure(frame)) is None


def test_specks_that_are_no_holes_are_not_measured() -> None:
    """The largest of them has 12 px, and a hole of the least radius 12.6: there is no typical one."""
    specks = np.full((100, 100), 0.9, np.float32)
    for y in range(3, 100, 6):
        for x in range(3, 100, 6):
            specks[y : y + 2, x : x + 2] = 0
    assert Holes.of(specks, SILENT) is None
