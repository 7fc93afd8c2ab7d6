"""Blocks in the transform domain: every block of a band of the frame, as a row of 64 coefficients, and back again.

Coefficients are in units of their own noise. Rows of the frame are independent and noise along a row is the same in
each, so the noise of a coefficient depends on its horizontal frequency alone, and whitening is a factor of the
horizontal basis (Makinen, Azzari, Foi 2020, IEEE Trans. Image Process. 29:8339, sec. II for the variance of transform
coefficients).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from schemas.frame import Pixels
from stages.compiled import compiled
from stages.noise import Noise

SIDE = 8
"""Side of a block, in pixels."""
COEFFICIENTS = SIDE * SIDE
KAISER_BETA = 2.0
"""Of the window by which the pixels of a block count (Dabov et al. 2007)."""
LEAST_VARIANCE = 0.02
"""Of a coefficient, as a share of the noise variance: a measured autocorrelation need not be one."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Bases:
    """The transforms of blocks for one noise law: orthonormal DCT-II, whitened along the rows of the frame."""

    vertical: Floats
    """``(8, 8)``, a basis function a row."""
    whitening: Floats
    """The same along rows, each divided by the noise's standard deviation there."""
    colouring: Floats
    """The same multiplied by it: the way back."""
    variances: Floats
    """``(64,)``: noise variance of each coefficient before whitening, 1 for white noise."""

    @classmethod
    def of(cls, noise: Noise) -> "Bases":
        """Return the transforms for noise of variance 1 with the law's row autocorrelation."""
        basis = dct(np.eye(SIDE), axis=0, norm="ortho")
        lags = np.zeros(SIDE)
        known = noise.row_acf[:SIDE]
        lags[: len(known)] = known
        covariance = lags[np.abs(np.subtract.outer(np.arange(SIDE), np.arange(SIDE)))]
        variances = np.maximum(np.einsum("ki,ij,kj->k", basis, covariance, basis), LEAST_VARIANCE)
        deviations = np.sqrt(variances)[:, None]
        return cls(
            _single(basis), _single(basis / deviations), _single(basis * deviations), _single([*variances] * SIDE)
        )


def _single(values: object) -> Floats:
    return np.ascontiguousarray(values, np.float32)


class Sums(NamedTuple):
    """What groups said of a band's blocks: weighted sums ``(h, w, 64)``, and the sums of the weights ``(h, w)``."""

    blocks: Floats
    weights: Floats

    @classmethod
    def like(cls, blocks: Floats) -> "Sums":
        """Return sums of which nothing was said yet."""
        return cls(np.zeros_like(blocks), np.zeros(blocks.shape[:2], np.float32))


class Canvas(NamedTuple):
    """Where blocks meet: weighted pixels ``(H, W)``, the sums of their weights, a block's window ``(8, 8)``."""

    total: Floats
    weight: Floats
    window: Floats

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> "Canvas":
        """Return an empty one."""
        kaiser = np.kaiser(SIDE, KAISER_BETA)
        return cls(np.zeros(shape, np.float32), np.zeros(shape, np.float32), _single(np.outer(kaiser, kaiser)))

    def band(self, top: int, height: int) -> "Canvas":
        """Return the part from a row on."""
        return Canvas(self.total[top : top + height], self.weight[top : top + height], self.window)

    def mean(self) -> Floats:
        """Return the weighted mean where every pixel lies in some block."""
        return self.total / self.weight


def transformed(pixels: Pixels, bases: Bases) -> Floats:
    """Return every block's coefficients, ``(H - 7, W - 7, 64)`` for ``(H, W)`` pixels: eight a frequency along y."""
    out = np.empty((pixels.shape[0] - SIDE + 1, pixels.shape[1] - SIDE + 1, COEFFICIENTS), np.float32)
    transform(pixels, bases.vertical, np.ascontiguousarray(bases.whitening.T), out)
    return out


@compiled
def transform(pixels: Floats, vertical: Floats, horizontal: Floats, out: Floats) -> None:
    """Fill ``out``; ``horizontal`` has a basis function a column."""
    height, width = out.shape[0], out.shape[1]
    rows = np.empty((height + SIDE - 1, width, SIDE), np.float32)
    for y in range(height + SIDE - 1):
        for x in range(width):
            for k in range(SIDE):
                rows[y, x, k] = 0
            for i in range(SIDE):
                pixel = pixels[y, x + i]
                for k in range(SIDE):
                    rows[y, x, k] += pixel * horizontal[i, k]
    for y in range(height):
        for x in range(width):
            for k in range(COEFFICIENTS):
                out[y, x, k] = 0
            for i in range(SIDE):
                for frequency in range(SIDE):
                    factor = vertical[frequency, i]
                    for k in range(SIDE):
                        out[y, x, frequency * SIDE + k] += factor * rows[y + i, x, k]


@compiled
def fold(said: Sums, vertical: Floats, horizontal: Floats, canvas: Canvas) -> None:
    """Add to ``canvas`` the pixels of every block of which something was said."""
    rows = np.empty((SIDE, SIDE), np.float32)
    for y in range(said.weights.shape[0]):
        for x in range(said.weights.shape[1]):
            weight = said.weights[y, x]
            if weight <= 0:
                continue
            rows[:] = 0
            for frequency in range(SIDE):
                for i in range(SIDE):
                    factor = vertical[frequency, i]
                    for k in range(SIDE):
                        rows[i, k] += factor * said.blocks[y, x, frequency * SIDE + k]
            for i in range(SIDE):
                for j in range(SIDE):
                    value = np.float32(0)
                    for k in range(SIDE):
                        value += rows[i, k] * horizontal[k, j]
                    canvas.total[y + i, x + j] += value * canvas.window[i, j]
                    canvas.weight[y + i, x + j] += weight * canvas.window[i, j]
