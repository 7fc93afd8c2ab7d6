"""How steep the edges are that the raw frame has."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from stages.metrics.names import Score, Scores, nothing

EDGE_SHARE = 0.05
"""Share of the pixels, those with the steepest slope, that count as edges."""
SCALE_PX = 2.0
"""Blur under which edges and their directions are found, so that noise does not find them."""


@dataclass(frozen=True, eq=False)
class Edges:
    """Pixels on edges and the direction across each; noise has no part in a mean slope along known directions."""

    at: NDArray[np.intp]
    """Flat indices of the edge pixels."""
    down: Pixels
    """Unit vectors uphill."""
    right: Pixels
    raw_slope: float

    @classmethod
    def of(cls, raw: Pixels) -> "Edges":
        """Find the edges of a raw frame."""
        smooth = cv2.GaussianBlur(raw, (0, 0), SCALE_PX)
        down, right = (np.asarray(cv2.Sobel(smooth, cv2.CV_32F, *axis), np.float32) for axis in ((0, 1), (1, 0)))
        slope = np.hypot(down, right)
        inner = np.zeros(raw.shape, np.bool_)
        inner[1:-1, 1:-1] = True
        edge = inner & (slope > max(float(np.quantile(slope[::2, ::2], 1 - EDGE_SHARE)), 1e-6))
        at = np.flatnonzero(edge)
        length = slope.ravel()[at]
        found = cls(at, down.ravel()[at] / length, right.ravel()[at] / length, 0.0)
        return cls(found.at, found.down, found.right, found.slope(raw))

    def slope(self, frame: Pixels) -> float:
        """Mean slope across the edges, full scales a pixel."""
        if self.at.size == 0:
            return 0.0
        grey, width = frame.ravel(), frame.shape[1]
        down = grey[self.at + width] - grey[self.at - width]
        right = grey[self.at + 1] - grey[self.at - 1]
        return float(np.mean(down * self.down + right * self.right)) / 2

    def __call__(self, frame: Pixels) -> Scores:
        """Score one frame of the same shape."""
        if self.raw_slope <= 0:
            return nothing(Score.EDGE_GRADIENT)
        return {Score.EDGE_GRADIENT: self.slope(frame) / self.raw_slope}
