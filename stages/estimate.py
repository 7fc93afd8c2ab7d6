"""Estimates of a squared error: the mean over what is scored, its standard error, and means of blocks to pair."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.frame import Pixels
from schemas.scores import Judge, Risk
from stages.noise import Noise
from stages.second_frame import SecondFrame
from stages.windows import Mask, block_means

VARIANCE_KNOWN_TO = 0.03
"""Relative standard error of the measured noise variance at the least: sigma is 1.4 % off on simulated frames."""
BLOCK_GRIDS = {1: (4, 4), 2: (3, 3), 3: (2, 3), 4: (2, 2)}
"""Rows and columns of blocks in each window, by the number of windows: 16 to 18 blocks in all."""


@dataclass(frozen=True)
class Estimate:
    """What one voice says of a candidate: the mean, its standard error, and the means of blocks."""

    value: float
    se: float
    blocks: tuple[float, ...]
    of_noise: float
    """Of the standard error, what is not known of the noise variance that was subtracted."""


def estimate_of(errors: Sequence[Pixels], scored: Sequence[Mask], of_noise: float) -> Estimate:
    """Average squared errors over what is scored of some windows; ``of_noise`` is that of the variance they lack.

    The rest of the standard error is the scatter over the blocks.
    """
    pairs = list(zip(errors, scored, strict=True))
    blocks = [mean for error, mask in pairs for mean in block_means(error, mask, BLOCK_GRIDS[len(pairs)])]
    scatter = float(np.std(blocks, ddof=1)) / len(blocks) ** 0.5 if len(blocks) > 1 else 0.0
    value = float(np.concatenate([error[mask] for error, mask in pairs]).mean())
    return Estimate(value, float(np.hypot(scatter, of_noise)), tuple(blocks), of_noise)


def risk_of(first: Estimate, row_j: Estimate, by: Judge) -> Risk:
    """Put the two voices together."""
    return Risk(
        value=_rounded(first.value),
        se=_rounded(first.se),
        row_j=_rounded(row_j.value),
        blocks=tuple(map(_rounded, first.blocks)),
        row_blocks=tuple(map(_rounded, row_j.blocks)),
        by=by,
        variance_se=_rounded(first.of_noise),
    )


def by_second_frame(restored: Pixels, second: SecondFrame) -> Estimate:
    """Judge what a method made of the whole first frame by the second one (Noise2Noise; Lehtinen et al. 2018, ICML).

    Its noise is independent of the first one's, so all of a restoration's squared difference from it that its noise
    does not explain is the restoration's error, whatever the noise of the first frame was like.
    """
    error = (restored - second.pixels) ** 2 - second.variance
    variance = float(second.variance[second.scored].mean())
    return estimate_of([error], [second.scored], known_to(second.noise) * variance)


def known_to(noise: Noise) -> float:
    """Relative standard error of a noise variance."""
    return max(VARIANCE_KNOWN_TO, 2 * noise.errors.sigma / noise.sigma if noise.sigma else 0.0)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
