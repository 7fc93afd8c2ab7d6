"""What a network sees: the stabilised frame, and what is known of its noise."""

import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from stages.noise import Noise
from stages.stabilise import Stabiliser

SIGMA_SCALE = 4.0
"""Noise strengths of 0.02 to 0.25 become numbers of the order of one, like the other maps."""


def conditions(noise: Noise, stabiliser: Stabiliser) -> NDArray[np.float32]:
    """Return the three numbers that tell a network of the noise: ``4 sigma``, row correlation of lags 1 and 2."""
    lag1, lag2 = (noise.row_acf[lag] if len(noise.row_acf) > lag else 0.0 for lag in (1, 2))
    return np.array([SIGMA_SCALE * stabiliser.sigma, lag1, lag2], np.float32)


def channels(stabilised: Pixels, known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stack the stabilised frame ``(H, W)`` and constant maps of `conditions`: ``(4, H, W)`` float32."""
    maps = np.broadcast_to(known[:, None, None], (known.size, *stabilised.shape))
    return np.concatenate([stabilised[None], maps], dtype=np.float32)
