"""Popular ways to choose a denoiser without a reference, as they are published: what ours is compared with.

Each knows the candidates' methods and runs them again, on the whole frame; none knows the scan. They are here to be
compared with, never to select.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

import cv2
import numpy as np
from skimage.restoration import estimate_sigma

from schemas.frame import Pixels
from stages.noise import Noise
from stages.stage import Method

GRID_PX = 4
"""Distance of the pixels that J-invariance hides at one time, as in scikit-image's ``denoise_invariant``."""
PROBE = 0.01
"""Strength of the probe that finds a divergence, in units of full scale."""
NEIGHBOURS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4


@dataclass(frozen=True, eq=False)
class Examined:
    """A method, a frame, its noise law and what the method gives for it."""

    method: Method
    frame: Pixels
    noise: Noise
    restored: Pixels
    seed: str

    def again(self, frame: Pixels) -> Pixels:
        """Restore another frame by the same method and law."""
        return np.asarray(np.clip(self.method([frame], [self.noise])[0], 0, 1))


def j_invariance(examined: Examined) -> float:
    """Return the error on hidden pixels, each filled from its four neighbours (Batson, Royer 2019)."""
    rng = _generator(examined)
    row, column = rng.integers(GRID_PX, size=2)
    hidden = np.zeros(examined.frame.shape, np.bool_)
    hidden[row::GRID_PX, column::GRID_PX] = True
    filled = np.where(hidden, cv2.filter2D(examined.frame, -1, NEIGHBOURS), examined.frame)
    return float(np.mean((examined.again(filled) - examined.frame)[hidden] ** 2))


def mad_sure(examined: Examined) -> float:
    """Return Stein's estimate for white noise, its sigma by the median of wavelet details (Donoho; Ramani 2008)."""
    sigma = float(estimate_sigma(examined.frame))  # type: ignore[no-untyped-call]
    return _residual(examined) - sigma**2 + 2 * sigma**2 * _divergence(examined)


def gcv(examined: Examined) -> float:
    """Return the generalised cross-validation score (Craven, Wahba 1979): no noise level needed."""
    return _residual(examined) / max(1 - _divergence(examined), 1e-6) ** 2


def sharpness(examined: Examined) -> float:
    """Return minus the mean squared gradient: the sharpest is taken (Tenengrad)."""
    slopes = [cv2.Sobel(examined.restored, cv2.CV_32F, *direction) for direction in ((1, 0), (0, 1))]
    return -float(np.mean(slopes[0] ** 2 + slopes[1] ** 2))


CRITERIA: Mapping[str, Callable[[Examined], float]] = {
    "j-invariance": j_invariance,
    "mad-sure": mad_sure,
    "gcv": gcv,
    "sharpness": sharpness,
}
"""By name; of each the lowest wins."""


def favourites(examined: Mapping[str, Examined]) -> dict[str, str]:
    """Return which candidate each criterion would choose; the raw frame is none of them, for some are zero for it."""
    found: dict[str, str] = {}
    for name, criterion in CRITERIA.items() if examined else ():
        values = {candidate: criterion(one) for candidate, one in examined.items()}
        found[name] = min(values, key=values.__getitem__)
    return found


def _residual(examined: Examined) -> float:
    return float(np.mean((examined.restored - examined.frame) ** 2))


def _divergence(examined: Examined) -> float:
    """Mean derivative of a restored pixel by itself, by one random probe."""
    probe = _generator(examined).choice([-1.0, 1.0], examined.frame.shape).astype(np.float32)
    moved = examined.again(examined.frame + np.float32(PROBE) * probe)
    return float(np.mean(probe * (moved - examined.restored))) / PROBE


def _generator(examined: Examined) -> np.random.Generator:
    """The same draws for all candidates of an image."""
    return np.random.default_rng(list(sha256(examined.seed.encode()).digest()))
