"""The median filter: keeps straight edges and removes single outliers."""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from schemas.frame import Pixels
from schemas.model import Positive
from stages.filter.linear import least_risk
from stages.filter.mean import WIDTHS_PX, box
from stages.filter.one_by_one import OneByOne
from stages.noise import Noise

PASSES = ((1.5, ()), (3.0, (3,)), (10.0, (3, 3)), (15.0, (5, 3)), (28.0, (5, 5)), (float("inf"), (5, 5, 5)))
"""Passes of a median that are best up to an area, in pixels, of the best mean filter (on simulated and real frames)."""


@dataclass(frozen=True)
class Median(OneByOne):
    """Median over 3x3 or 5x5 px, repeated until it smooths as widely as the best mean filter of this frame would.

    Repeating a small median comes close to a large one and costs a fraction of it.
    """

    version: ClassVar[int] = 1

    strength: Positive = 1.0
    """Multiplies the side of that mean filter's window."""

    def restore(self, pixels: Pixels, noise: Noise) -> Pixels:
        """Restore one frame."""
        row, column = least_risk(pixels, noise, [box(width) for width in WIDTHS_PX])
        area = WIDTHS_PX[row] * WIDTHS_PX[column] * self.strength**2
        restored = pixels.copy()
        for side in next(passes for below, passes in PASSES if area < below):
            restored = np.asarray(cv2.medianBlur(restored, side), np.float32)
        return restored
