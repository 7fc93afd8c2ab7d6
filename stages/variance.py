"""Variance of noise from a sample of it, and how it grows with the signal."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels

MOST_VALUES = 40_000
"""Values of which a variance is taken: 0.4 % of sigma."""
DRAWN_IN = 0.92054
"""Mean of ``min(z², 4)`` for a standard Gaussian ``z``."""
BIN_KNOWN_TO = 0.05
"""Relative error to which a bin's variance is trusted."""
BLACK_KNOWN_TO = 0.5
"""Share of a frame's variance to which it is trusted that black has none, for noise is mostly shot noise."""
LEAST_LEVELS = 3
"""Bins below which nothing is known of how the noise grows with the signal."""

Values = NDArray[np.float64]


def robust_variance(values: Pixels) -> float:
    """Variance with what lies beyond two sigma drawn in, made consistent for Gaussian noise (Huber's proposal 2).

    Unlike a median it is unbiased on coarsely quantised noise. Of many values a part is enough.
    """
    squares = np.square(values[:: values.size // MOST_VALUES + 1])
    variance = float(squares.mean())
    for _ in range(12):
        variance = float(np.minimum(squares, 4 * variance).mean()) / DRAWN_IN
    return variance


def variance_law(difference: Pixels, mean: Pixels, sigma2: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Fit ``variance = gain * mean + offset`` over eight bins of equally many pixels; both, and their errors.

    That black has no noise decides only where the flat parts of the frame are all of one grey.
    """
    greys, variances = levels_of(difference, mean)
    if len(greys) < LEAST_LEVELS:
        return (0.0, sigma2), (sigma2, sigma2)
    errors = BIN_KNOWN_TO * np.maximum(variances, 0.1 * max(variances))
    weights = 1 / np.array([*errors, BLACK_KNOWN_TO * sigma2])
    fit, covariance = np.polyfit([*greys, 0], [*variances, 0], 1, w=weights, cov="unscaled")
    gain_se, offset_se = (float(value) for value in np.sqrt(np.diag(covariance)))
    law = (float(fit[0]), float(fit[1])) if fit[0] > 0 else (0.0, float(np.mean(variances)))
    return law, (gain_se, offset_se)


def levels_of(difference: Pixels, mean: Pixels) -> tuple[Values, Values]:
    """Mean grey and variance of up to eight bins of equally many pixels, ordered by grey."""
    step = mean.size // 80_000 + 1
    order = np.argsort(mean[::step])
    mean, difference = mean[::step][order], difference[::step][order]
    bounds = np.linspace(0.02 * mean.size, 0.98 * mean.size, 9).astype(int)
    bins = [slice(first, last) for first, last in pairwise(bounds) if last - first > 150]
    greys, variances = [float(mean[some].mean()) for some in bins], [robust_variance(difference[some]) for some in bins]
    return np.array(greys), np.array(variances)
