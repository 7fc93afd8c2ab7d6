"""The noise of one frame at several greys, and the gain that such levels of many frames have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.frame import Pixels
from stages.flat_parts import flat_parts
from stages.noise import LOCAL_MEAN_PX, Noise, local_mean, vertical_difference
from stages.scan_rows import Rows
from stages.variance import BIN_KNOWN_TO, BLACK_KNOWN_TO, LEAST_LEVELS, Values, levels_of

MOST_NOISE = 0.2
"""Share of noise in the variance of the local mean from which a frame's levels do not tell how its noise grows."""
HUBER = 1.345
"""Standard errors from which a level counts less."""
MAD = 1.4826
"""Standard deviation of a Gaussian over its median absolute deviation."""


@dataclass(frozen=True, eq=False)
class Levels:
    """The noise's variance at the greys that a frame has."""

    greys: Values
    variances: Values
    doubt: float = 0.0
    """Relative error of the slope that the levels of this frame alone have, which more of its kind do not lower."""

    @classmethod
    def none(cls) -> "Levels":
        """Return those of a frame without a law."""
        return cls(np.zeros(0), np.zeros(0))

    @classmethod
    def of(cls, pixels: Pixels, law: Noise) -> "Levels":
        """Return the levels of a frame ``(H, W)`` whose law holds.

        Pixels are sorted by their local mean, which is noisy itself. So a frame of one grey has levels above and below
        it all the same; where the noise is symmetric they are of one variance, as if it did not grow with the signal,
        and where it is as skewed as counted electrons are they happen to follow the law. The slope is therefore low by
        nothing to all of the noise's share of the local mean's variance (reliability ratio; Fuller 1987, Measurement
        Error Models, section 1.1): half of it is made good, half is doubt, and of mostly noise nothing is concluded.
        """
        flat, rows = flat_parts(pixels), Rows.of(vertical_difference(pixels))
        if flat is None:
            return cls.none()
        mean = local_mean(pixels)[1:-1][flat]
        greys, variances = levels_of(rows.rest[flat], mean)
        if len(greys) < LEAST_LEVELS:
            return cls.none()
        variances = variances / (1 - rows.share_lost(law.row_acf))
        noise = float(variances.mean()) * _left_by_local_mean(law.row_acf) / max(float(mean.var()), 1e-12)
        centre, low_by = float(mean.mean(dtype=np.float64)), noise / 2
        if noise > MOST_NOISE:
            return cls(np.full(greys.shape, centre), variances)
        return cls(centre + (1 - low_by) * (greys - centre), variances, low_by / (1 - low_by))


def common_gain(frames: Sequence[Levels]) -> tuple[float, float]:
    """Gain of the line through the levels of all frames, and its standard error.

    That black has no noise counts once, not once a frame: what every frame assumes is no more certain for there being
    many.
    """
    greys = np.concatenate([one.greys for one in frames])
    variances = np.concatenate([one.variances for one in frames])
    typical = float(np.median(variances))
    errors = np.append(BIN_KNOWN_TO * np.maximum(variances, 0.1 * typical), BLACK_KNOWN_TO * typical)
    slope, error = _slope(np.append(greys, 0.0), np.append(variances, 0.0), errors)
    gain = max(slope, 0.0)
    within = sum(one.greys.size * float(one.greys.var()) * one.doubt for one in frames)
    doubt = within / max(greys.size * float(greys.var()), 1e-12)
    return gain, float(np.hypot(error, doubt * gain))


def _slope(greys: Values, variances: Values, errors: Values) -> tuple[float, float]:
    """Slope of the line of least squares with Huber's weights, and its error, larger where the levels scatter more."""
    trust, scatter = np.ones(len(greys)), 1.0
    for _ in range(20):
        line, covariance = np.polyfit(greys, variances, 1, w=trust**0.5 / errors, cov="unscaled")
        misses = np.abs(variances - np.polyval(line, greys)) / errors
        scatter = max(1.0, MAD * float(np.median(misses)))
        trust = np.minimum(1.0, HUBER * scatter / np.maximum(misses, 1e-12))
    return float(line[0]), scatter * float(covariance[0, 0] ** 0.5)


def _left_by_local_mean(row_acf: Sequence[float]) -> float:
    """Share of the noise's variance that is left in the local mean."""
    lags = np.arange(1, len(row_acf))
    along = 1 + 2 * float(np.array(row_acf[1:]) @ np.exp(-(lags**2) / (4 * LOCAL_MEAN_PX**2)))
    return along / (4 * np.pi * LOCAL_MEAN_PX**2)
