"""The bilateral filter: averages neighbours of like grey."""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from schemas.frame import Pixels
from schemas.model import Positive
from stages.filter.gaussian import best_scales
from stages.filter.one_by_one import OneByOne
from stages.noise import Noise
from stages.stabilise import Stabiliser

SCALE_PX = (0.7, 2.0)
"""Least and greatest spatial scale of a pass; the greatest bounds the cost."""
WIDE, NARROW = 4.0, 1.0
"""Grey range of the first and the second pass, in standard deviations of the noise before filtering."""


@dataclass(frozen=True)
class Bilateral(OneByOne):
    """Bilateral filter (Tomasi, Manduchi 1998) in the stabilised domain, in two passes.

    The first pass, wide in grey, takes most of the noise, so that the second can tell greys apart that the noise had
    mixed. In space both are as wide as the best Gaussian filter of the frame.
    """

    version: ClassVar[int] = 1

    strength: Positive = 1.0
    """Multiplies the grey range of both passes."""

    def restore(self, pixels: Pixels, noise: Noise) -> Pixels:
        """Restore one frame."""
        stabiliser = Stabiliser.of(noise)
        range_ = self.strength * stabiliser.sigma
        scale_px = float(np.sqrt(np.prod(best_scales(pixels, noise))))
        first = _bilateral(stabiliser.forward(pixels), WIDE * range_, scale_px)
        return stabiliser.inverse(_bilateral(first, NARROW * range_, 1.2 * scale_px))


def _bilateral(pixels: Pixels, range_: float, scale_px: float) -> Pixels:
    scale = float(np.clip(scale_px, *SCALE_PX))
    diameter = 2 * int(np.ceil(1.8 * scale)) + 1
    return np.asarray(cv2.bilateralFilter(pixels, diameter, range_, scale, borderType=cv2.BORDER_REFLECT), np.float32)
