import numpy as np
import pytest

from stages.levels import Levels, common_gain
from stages.noise import measure
from tests.stages.scan import scanned, scene


def levels(clean: np.ndarray, seed: int, electrons: float = 60.0) -> Levels:
    frame = scanned(np.asarray(clean, np.float32), electrons=electrons, lag1=0.4, seed=seed)
    return Levels.of(frame, measure(frame))


def test_a_frame_of_one_grey_has_levels_at_one_grey() -> None:
    for grey in (0.2, 0.4, 0.6):
        found = levels(np.full((256, 256), grey), seed=1)
        assert found.greys == pytest.approx(grey, abs=0.004)
        assert found.variances.mean() == pytest.approx(grey / 60, rel=0.03)


def test_a_frame_of_many_greys_has_levels_on_the_line_of_its_law() -> None:
    found = levels(scene("ramp", height=256, width=256), seed=2)
    assert np.ptp(found.greys) > 0.2
    np.testing.assert_allclose(found.variances, found.greys / 60, rtol=0.12)


def test_a_frame_that_is_clipped_altogether_has_none() -> None:
    frame = np.ones((64, 64), np.float32)
    assert Levels.of(frame, measure(frame)).greys.size == 0


def test_that_black_has_no_noise_is_no_more_certain_for_there_being_many_frames() -> None:
    few, many = ([levels(np.full((128, 128), 0.4), seed=seed) for seed in range(count)] for count in (3, 30))
    (gain, error), (same, as_uncertain) = common_gain(few), common_gain(many)
    assert min(error, as_uncertain) > 0.4 / 60
    assert gain == pytest.approx(1 / 60, abs=error)
    assert same == pytest.approx(1 / 60, abs=as_uncertain)


def test_frames_of_different_greys_tell_the_gain_though_each_has_one() -> None:
    gain, error = common_gain([levels(np.full((128, 128), 0.2 + 0.02 * seed), seed=seed) for seed in range(20)])
    assert gain == pytest.approx(1 / 60, abs=3 * error)
    assert error < 0.1 / 60
