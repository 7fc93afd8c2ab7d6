"""How the noise of a scanned frame is correlated: along a row, and from row to row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels

LAGS = 9
"""Lags of the row autocorrelation that are measured, lag 0 included."""
OUTLIER = 4.0
"""Standard deviations from which a pixel is no noise."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class RowCorrelation:
    """Autocorrelation along a row, as measured."""

    lags: tuple[float, ...]
    """At lags 0, 1, ...; all are too low by ``lowered``."""
    lowered: float
    chance: float
    """What chance alone makes of none."""

    @classmethod
    def of(cls, whitened: Pixels, flat: Mask, *, lowered: float) -> "RowCorrelation":
        """Measure it on whitened detail."""
        inside = flat & (np.abs(whitened) < OUTLIER)
        kept = np.where(inside, whitened, np.float32(0))
        covariance = [_mean_product(kept, inside, lag) for lag in range(LAGS)]
        acf = np.array(covariance) / max(covariance[0], 1e-12)
        chance = max(0.03, 2.5 / max(int(inside.sum()), 1) ** 0.5)
        return cls(tuple(float(round(value, 5)) for value in acf), lowered, chance)

    @property
    def beyond_chance(self) -> tuple[float, ...]:
        """The lags up to the first that chance explains."""
        acf = np.array(self.lags)
        beyond = np.flatnonzero(acf + self.lowered <= self.chance)
        return self.lags[: beyond[0] if beyond.size else LAGS] or (1.0,)

    def clearly_below(self, bound: float) -> bool:
        """Whether lag 1 is below a negative bound, and so far from none as chance does not make it in small frames."""
        return self.lags[1] + self.lowered < min(bound, -2 * self.chance)


def _mean_product(kept: Pixels, inside: Mask, lag: int) -> float:
    first, second = slice(None, kept.shape[1] - lag), slice(lag, None)
    count = int(np.count_nonzero(inside[:, first] & inside[:, second]))
    return float((kept[:, first] * kept[:, second]).sum(dtype=np.float64)) / (count or 1)


def column_lag1(detail: Pixels, flat: Mask) -> float:
    """Autocorrelation at lag 1 along y of a frame's whitened fine detail ``(H, W)``."""
    kept = np.where(np.abs(detail) < OUTLIER, detail, np.float32(0))
    inner, above = kept[1:-1] * flat, kept[:-2] * flat
    return float((inner * above).sum(dtype=np.float64) / max(np.square(inner).sum(dtype=np.float64), 1e-12))


def column_lag1_behind(difference: Pixels, flat: Mask) -> float:
    """Autocorrelation ``r`` at lag 1 along y of noise whose whitened `vertical_difference` ``(H - 2, W)`` is given.

    Of noise without further lags the second difference has ``(7 r - 4) / (6 - 8 r)``: -2/3 where rows are independent.
    """
    inside = flat & (np.abs(difference) < OUTLIER)
    kept = np.where(inside, difference, np.float32(0))
    found = _mean_product(kept.T, inside.T, 1) / max(_mean_product(kept.T, inside.T, 0), 1e-12)
    return float(np.clip((4 + 6 * found) / max(7 + 8 * found, 0.5), -1, 1))
