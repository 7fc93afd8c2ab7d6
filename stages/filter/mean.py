"""The mean filter, as wide as this frame and its noise ask for."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from schemas.frame import Pixels
from schemas.model import Positive
from stages.filter.linear import Kernel, convolve, least_risk
from stages.filter.one_by_one import OneByOne
from stages.noise import Noise

WIDTHS_PX = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 9.0, 11.0, 13.0, 17.0, 21.0)
"""Heights and widths of the window to choose from."""


@dataclass(frozen=True)
class Mean(OneByOne):
    """Mean over a window whose height and width are chosen by Stein's risk estimate."""

    version: ClassVar[int] = 1

    strength: Positive = 1.0
    """Multiplies height and width."""

    def restore(self, pixels: Pixels, noise: Noise) -> Pixels:
        """Restore one frame."""
        row, column = least_risk(pixels, noise, [box(width) for width in WIDTHS_PX])
        return convolve(pixels, box(WIDTHS_PX[row] * self.strength), box(WIDTHS_PX[column] * self.strength))


def box(width_px: float) -> Kernel:
    """Return a window of any width of 1 or more; pixels partly inside count in part.

    >>> box(2.0)
    array([0.25, 0.5 , 0.25], dtype=float32)
    """
    width = max(1.0, width_px)
    radius = int(np.ceil((width - 1) / 2))
    kernel = np.ones(2 * radius + 1)
    if radius:
        kernel[[0, -1]] = (width - (2 * radius - 1)) / 2
    return np.asarray(kernel / width, np.float32)
