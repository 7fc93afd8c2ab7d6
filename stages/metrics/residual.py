"""What a restoration took away, against what the noise law says was there to take."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from schemas.frame import Pixels
from stages.metrics.names import Score, Scores, nothing
from stages.noise import Noise, local_mean

LAGS_Y, LAGS_X = 2, 3
"""Farthest lags, down and to both sides, at which the residual's correlation is compared with the noise's."""


@dataclass(frozen=True, eq=False)
class Residual:
    """The residual ``raw - restored`` in standard deviations of the noise."""

    raw: Pixels
    weight: Pixels
    """One over the noise's standard deviation, 0 where a pixel is saturated."""
    row_acf: tuple[float, ...]

    @classmethod
    def of(cls, raw: Pixels, noise: Noise) -> "Residual":
        """Prepare for the restorations of a raw frame."""
        deviation = np.sqrt(noise.variance(local_mean(raw)))
        fair = (raw > 0) & (raw < 1) & (deviation > 0)
        weight = np.divide(1, deviation, out=np.zeros_like(deviation), where=fair)
        return cls(raw, weight, noise.row_acf)

    def __call__(self, frame: Pixels) -> Scores:
        """Score one restoration; the raw frame itself has no residual."""
        count = np.count_nonzero(self.weight)
        if count == 0:
            return nothing(Score.RESIDUAL_ENERGY, Score.RESIDUAL_STRUCTURE)
        residual = (self.raw - frame) * self.weight
        energy = float(np.vdot(residual, residual)) / count
        structure = self._structure(residual) if energy > 0 else None
        return {Score.RESIDUAL_ENERGY: energy, Score.RESIDUAL_STRUCTURE: structure}

    def _structure(self, residual: Pixels) -> float:
        """Root mean square difference, over lags, between the residual's autocorrelation and the noise's."""
        power = float(np.mean(residual**2))
        misses = [
            _product(residual, down, right) / power - (_at(self.row_acf, right) if down == 0 else 0.0)
            for down, right in _lags()
        ]
        return float(np.sqrt(np.mean(np.square(misses))))


def _lags() -> Iterator[tuple[int, int]]:
    for down in range(LAGS_Y + 1):
        for right in range(1 if down == 0 else -LAGS_X, LAGS_X + 1):
            yield down, right


def _product(values: Pixels, down: int, right: int) -> float:
    """Mean product of values ``down`` rows and ``right`` columns apart."""
    height, width = values.shape
    first = values[: height - down, max(0, -right) : width - max(0, right)]
    second = values[down:, max(0, right) : width - max(0, -right)]
    return float(np.einsum("ij,ij->", first, second)) / max(first.size, 1)


def _at(acf: tuple[float, ...], lag: int) -> float:
    return acf[lag] if lag < len(acf) else 0.0
