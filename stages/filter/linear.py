"""Separable averaging kernels, and the choice between them by Stein's unbiased risk estimate.

For a linear filter and noise of a known law the estimate needs no probe and no derivative (Stein 1981, Ann. Statist.
9:1135): the risk is ``|Ky - y|² + 2 tr(KΣ) - tr(Σ)``. A symmetric kernel with mirrored borders is diagonal under the
DCT-II, so one transform of the frame gives the risk of every pair of a vertical and a horizontal kernel.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from schemas.frame import Pixels
from stages.noise import Noise

Kernel = NDArray[np.float32]
"""Symmetric, of odd length, sum 1."""

JUDGED_SIDE_PX = 1024
"""Kernels are chosen on a frame's middle, up to this side."""


def convolve(pixels: Pixels, vertical: Kernel, horizontal: Kernel) -> Pixels:
    """Convolve with two kernels; the frame goes on beyond its borders as its mirror image."""
    return np.asarray(cv2.sepFilter2D(pixels, -1, horizontal, vertical, borderType=cv2.BORDER_REFLECT), np.float32)


def least_risk(pixels: Pixels, noise: Noise, kernels: Sequence[Kernel]) -> tuple[int, int]:
    """Return the indices of the vertical and the horizontal kernel whose risk is least for this frame."""
    part = _middle(pixels)
    height, width = part.shape
    power = np.square(dctn(part, norm="ortho"))
    power[0, 0] = 0  # every kernel keeps the mean
    vertical, horizontal = _responses(kernels, height), _responses(kernels, width)
    kept = vertical @ power @ horizontal.T
    kept_twice = vertical**2 @ power @ (horizontal**2).T
    row_power = noise.row_psd(2 * width)[:width]
    trace = np.outer(vertical.mean(axis=1), (horizontal * row_power).mean(axis=1)) * noise.variance(part).mean()
    risk = (kept_twice - 2 * kept) / part.size + 2 * trace
    row, column = np.unravel_index(np.argmin(risk), risk.shape)
    return int(row), int(column)


def _responses(kernels: Sequence[Kernel], length: int) -> NDArray[np.float64]:
    """Frequency response of each kernel at the frequencies of a DCT-II of this length: ``(kernels, length)``."""
    frequencies = np.pi * np.arange(length) / length
    return np.array([_response(kernel, frequencies) for kernel in kernels])


def _response(kernel: Kernel, frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    radius = len(kernel) // 2
    waves = np.cos(np.outer(np.arange(-radius, radius + 1), frequencies))
    return np.asarray(kernel.ravel() @ waves, np.float64)


def _middle(pixels: Pixels) -> Pixels:
    top, left = (max(0, (side - JUDGED_SIDE_PX) // 2) for side in pixels.shape)
    return pixels[top : top + JUDGED_SIDE_PX, left : left + JUDGED_SIDE_PX]
