"""Average run lengths of the charts for Gaussian deviations: Brook and Evans 1972, by a Markov chain of states."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from streams.trends.charts import ALLOWANCE, CUSUM_LIMIT, EWMA_LIMIT, OUTLIER, WEIGHT

STATES = 301


def cusum(shift: float, *, spread: float = 1.0) -> float:
    """ARL of the sum on one side, where deviations have this mean and spread."""
    width, last = 2 * CUSUM_LIMIT / (2 * STATES - 1), np.arange(STATES)[:, None]
    reached = (np.arange(STATES)[None] - last) * width + ALLOWANCE
    chances = _below(reached + width / 2, shift, spread) - _below(reached - width / 2, shift, spread)
    chances[:, 0] = _below(reached + width / 2, shift, spread)[:, 0]
    return _run_length(chances, 0)


def ewma(shift: float, *, spread: float = 1.0) -> float:
    """ARL of the average, both sides."""
    width = 2 * EWMA_LIMIT / STATES
    centre = -EWMA_LIMIT + (np.arange(STATES) + 0.5) * width
    kept = (1 - WEIGHT) * centre[:, None]
    upper, lower = (centre[None] + width / 2 - kept) / WEIGHT, (centre[None] - width / 2 - kept) / WEIGHT
    return _run_length(_below(upper, shift, spread) - _below(lower, shift, spread), STATES // 2)


def siegmund(shift: float) -> float:
    """ARL of the sum on one side by Siegmund's formula."""
    drift, limit = shift - ALLOWANCE, CUSUM_LIMIT + 1.166
    return float((np.exp(-2 * drift * limit) + 2 * drift * limit - 1) / (2 * drift**2))


def _below(z: NDArray[np.float64], shift: float, spread: float) -> NDArray[np.float64]:
    chance: Any = norm.cdf((z - shift) / spread)
    return np.where(z >= OUTLIER, 1.0, np.where(z < -OUTLIER, 0.0, chance))


def _run_length(chances: NDArray[np.float64], start: int) -> float:
    return float(np.linalg.solve(np.eye(len(chances)) - chances, np.ones(len(chances)))[start])
