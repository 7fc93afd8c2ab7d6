import numpy as np
import pytest

from schemas.frame import Pixels
from stages.correlation import RowCorrelation, column_lag1, column_lag1_behind
from stages.noise import vertical_difference
from tests.stages.scan import row_filter

EVERYWHERE = np.ones((298, 300), np.bool_)


def noise(lag1: float, axis: int) -> Pixels:
    white = np.random.default_rng(5).standard_normal((300, 300))
    taps = np.sign(lag1) * row_filter(abs(lag1)) if lag1 else row_filter(0)
    taps[len(taps) // 2] = abs(taps[len(taps) // 2])
    return np.asarray(np.apply_along_axis(np.convolve, axis, white, taps, "same"), np.float32)


def whitened(pixels: Pixels) -> Pixels:
    difference = vertical_difference(pixels)
    return np.asarray(difference / difference.std(), np.float32)


@pytest.mark.parametrize("lag1", [0.0, 0.25, 0.48])
def test_the_difference_of_rows_tells_how_rows_are_correlated(lag1: float) -> None:
    pixels = noise(lag1, axis=0)
    both = column_lag1(pixels, EVERYWHERE), column_lag1_behind(whitened(pixels), EVERYWHERE)
    assert both == pytest.approx((lag1, lag1), abs=0.09 if lag1 > 0.3 else 0.03)


def test_what_stands_upright_is_not_seen_by_the_difference_of_rows() -> None:
    pixels = np.asarray(noise(0.0, axis=0) + 2 * (np.arange(300) // 4 % 2), np.float32)
    assert column_lag1(pixels, EVERYWHERE) > 0.3
    assert column_lag1_behind(whitened(pixels), EVERYWHERE) == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("lag1", [-0.5, -0.2, 0.0, 0.4])
def test_lags_along_a_row_end_where_chance_explains_them(lag1: float) -> None:
    found = RowCorrelation.of(whitened(noise(lag1, axis=1)), EVERYWHERE, lowered=0.0)
    assert found.lags[1] == pytest.approx(lag1, abs=0.02)
    assert found.clearly_below(-0.25) == (lag1 < -0.25)
    assert len(found.beyond_chance) == (1 if lag1 <= 0 else 3)
