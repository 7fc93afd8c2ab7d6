"""How steep the edges are that the raw frame has."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from stages.metrics.names import Score, Scores, nothing

EDGE_SHARE = 0.05
"""Share of the pixels, those with the steepest slope, that count as edges."""
SCALE_PX = 2.0
"""Width of the Gaussian derivatives by which edges are found."""
LEAST_SLOPE = 1e-6
"""Full scales a pixel below which nothing is an edge."""


@dataclass(frozen=True, eq=False)
class Edges:
    """Pixels on edges and the direction across each, found without the rows in which their slope is measured.

    Rows share no noise, so that of the measured slope has no part in the choice: its mean is the specimen's. (Chosen
    from all rows, edges in noise look a fifth steeper than they are.)
    """

    at: NDArray[np.intp]
    """Flat indices of the edge pixels."""
    down: Pixels
    """Unit vectors uphill."""
    right: Pixels
    raw_slope: float

    @classmethod
    def of(cls, raw: Pixels) -> "Edges":
        """Find the edges of a raw frame."""
        down, right = _gradient_without_own_rows(raw)
        slope = np.hypot(down, right)
        inner = np.zeros(raw.shape, np.bool_)
        inner[1:-1, 1:-1] = True
        steepest = float(np.quantile(slope[::2, ::2], 1 - EDGE_SHARE))
        at = np.flatnonzero(inner & (slope > max(steepest, LEAST_SLOPE)))
        length = slope.ravel()[at]
        edges = cls(at, down.ravel()[at] / length, right.ravel()[at] / length, 0.0)
        return replace(edges, raw_slope=edges.slope(raw))

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


def _gradient_without_own_rows(raw: Pixels) -> tuple[Pixels, Pixels]:
    """Gradient ``(down, right)`` by Gaussian derivatives that leave out a pixel's row and its two neighbours."""
    reach = np.arange(-int(4 * SCALE_PX), int(4 * SCALE_PX) + 1)
    gauss = np.exp(-(reach**2) / (2 * SCALE_PX**2))
    others = np.where(abs(reach) > 1, gauss, 0)
    derivative, others_derivative = reach * gauss, reach * others
    down = cv2.sepFilter2D(raw, cv2.CV_32F, gauss / gauss.sum(), others_derivative / (reach * others_derivative).sum())
    right = cv2.sepFilter2D(raw, cv2.CV_32F, derivative / (reach * derivative).sum(), others / others.sum())
    return np.asarray(down, np.float32), np.asarray(right, np.float32)
