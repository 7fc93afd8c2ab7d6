"""The Gaussian filter, as wide as this frame and its noise ask for."""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from schemas.frame import Pixels
from schemas.model import Positive
from stages.filter.linear import Kernel, convolve, least_risk
from stages.filter.one_by_one import OneByOne
from stages.noise import Noise

SCALES_PX = tuple(float(scale) for scale in 0.35 * 1.25 ** np.arange(15))
"""Standard deviations to choose from, vertically and horizontally: 0.35 to 8 px."""


@dataclass(frozen=True)
class Gaussian(OneByOne):
    """Gaussian filter, its vertical and horizontal scale chosen by Stein's risk estimate.

    So lines are averaged along their length, and noise that is correlated along rows is not taken for detail.
    """

    version: ClassVar[int] = 1

    strength: Positive = 1.0
    """Multiplies both scales."""

    def restore(self, pixels: Pixels, noise: Noise) -> Pixels:
        """Restore one frame."""
        vertical_px, horizontal_px = best_scales(pixels, noise)
        return convolve(pixels, _kernel(vertical_px * self.strength), _kernel(horizontal_px * self.strength))


def best_scales(pixels: Pixels, noise: Noise) -> tuple[float, float]:
    """Return the vertical and the horizontal standard deviation, in pixels, that suit this frame and its noise."""
    row, column = least_risk(pixels, noise, [_kernel(scale) for scale in SCALES_PX])
    return SCALES_PX[row], SCALES_PX[column]


def _kernel(scale_px: float) -> Kernel:
    radius = int(np.ceil(4 * scale_px))
    return np.asarray(cv2.getGaussianKernel(2 * radius + 1, scale_px, cv2.CV_32F), np.float32).ravel()
