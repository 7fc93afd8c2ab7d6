"""Wavelet shrinkage with a noise level of its own for every band and direction."""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
import pywt
from numpy.typing import NDArray

from schemas.frame import Pixels
from schemas.model import Positive
from stages.filter.one_by_one import OneByOne
from stages.noise import Noise
from stages.stabilise import Stabiliser

WAVELET = pywt.Wavelet("db2")
LEVELS = 4
WINDOW_PX = 7
"""Side of the window in which a band's local power is measured."""
EXCESS = 1.6
"""How many times its mean the noise power in a window may reach by chance and still be taken for noise."""
BORDER_PX = 48
"""Mirrored around the frame: the transform is periodic, and opposite borders shall not meet."""
STRIP_ROWS = 768
"""Rows that are transformed together: thirteen bands of a 6144 x 4096 frame would take 1.3 GB."""
REACH_ROWS = 64
"""Rows beyond a strip that its pixels depend on, and some more: the coarsest filter has 46 taps."""

Taps = NDArray[np.float64]


@dataclass(frozen=True)
class Wavelet(OneByOne):
    """Local Wiener shrinkage (Mihcak et al. 1999, IEEE Signal Process. Lett. 6:300) of an undecimated transform.

    In the stabilised domain. Noise correlated along rows fills the bands unequally: each band's noise power follows
    from the row autocorrelation and the band's own filters.
    """

    version: ClassVar[int] = 1

    strength: Positive = 1.0
    """Multiplies the standard deviation of the noise that is taken away."""

    def restore(self, pixels: Pixels, noise: Noise) -> Pixels:
        """Restore one frame."""
        stabiliser = Stabiliser.of(noise)
        unit = stabiliser.forward(pixels) / np.float32(stabiliser.sigma)
        strips = [self._strip(unit, top, noise.row_acf) for top in range(0, len(unit), STRIP_ROWS)]
        return stabiliser.inverse(np.concatenate(strips) * np.float32(stabiliser.sigma))

    def _strip(self, unit: Pixels, top: int, row_acf: tuple[float, ...]) -> Pixels:
        first = max(0, top - REACH_ROWS)
        shrunk = self._shrunk(unit[first : top + STRIP_ROWS + REACH_ROWS], row_acf)
        return shrunk[top - first : top - first + STRIP_ROWS]

    def _shrunk(self, unit: Pixels, row_acf: tuple[float, ...]) -> Pixels:
        height, width = unit.shape
        below, right = (BORDER_PX + -(side + 2 * BORDER_PX) % 2**LEVELS for side in unit.shape)
        framed = cv2.copyMakeBorder(unit, BORDER_PX, below, BORDER_PX, right, cv2.BORDER_REFLECT)
        coarse, *details = pywt.swt2(framed, WAVELET, LEVELS, norm=True, trim_approx=True)
        powers = np.array(_noise_powers(row_acf)) * EXCESS * self.strength**2
        shrunk = [
            tuple(_wiener(band, power) for band, power in zip(bands, level_powers, strict=True))
            for bands, level_powers in zip(details, powers[::-1], strict=True)
        ]
        restored = pywt.iswt2([coarse, *shrunk], WAVELET, norm=True)
        return np.asarray(restored[BORDER_PX : BORDER_PX + height, BORDER_PX : BORDER_PX + width], np.float32)


def _wiener(band: Pixels, noise_power: float) -> Pixels:
    power = cv2.boxFilter(cv2.multiply(band, band), -1, (WINDOW_PX, WINDOW_PX), borderType=cv2.BORDER_REFLECT)
    return np.asarray(band * np.maximum(1 - np.float32(noise_power) / np.maximum(power, 1e-12), 0), np.float32)


def _noise_powers(row_acf: tuple[float, ...]) -> list[tuple[float, float, float]]:
    """Power of unit noise in the three bands (detail along y, along x, both) of each level, finest first."""
    powers = []
    for low, high in _equivalent_filters():
        across = float(high @ high), float(low @ low)
        powers.append(
            (across[0] * _power(low, row_acf), across[1] * _power(high, row_acf), across[0] * _power(high, row_acf))
        )
    return powers


def _equivalent_filters() -> list[tuple[Taps, Taps]]:
    """Low- and high-pass filter of each level as one filter on the frame; energies sum to that of the frame."""
    low, high = np.array(WAVELET.dec_lo) / 2**0.5, np.array(WAVELET.dec_hi) / 2**0.5
    smooth: Taps = np.ones(1)
    filters: list[tuple[Taps, Taps]] = []
    for level in range(LEVELS):
        above = smooth
        smooth = _in_turn(above, _spread(low, level))
        filters.append((smooth, _in_turn(above, _spread(high, level))))
    return filters


def _in_turn(first: Taps, second: Taps) -> Taps:
    return np.asarray(np.convolve(first, second), np.float64)


def _spread(filter_: Taps, level: int) -> Taps:
    """Insert the zeros of the algorithm "a trous"."""
    spread = np.zeros((len(filter_) - 1) * 2**level + 1)
    spread[:: 2**level] = filter_
    return spread


def _power(filter_: Taps, row_acf: tuple[float, ...]) -> float:
    """Power of unit noise of this autocorrelation after a filter along the row."""
    own = np.correlate(filter_, filter_, "full")[len(filter_) - 1 :]
    lags = min(len(own), len(row_acf))
    return float(own[0] + 2 * own[1:lags] @ np.array(row_acf[1:lags]))
