"""What a whole stretch of a row has in common: not its pixels' noise, but lines of the specimen, flicker and charging.

Pixel noise is correlated over a few pixels of a row. What 65 of them share comes from elsewhere: structure that runs
along the rows (a horizontal grating), a row brighter as a whole (flicker), a dark tail behind an edge (charging). It is
taken out of the vertical difference before the noise is measured in it: a fine horizontal grating would pass for noise.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels

STRETCH_PX = 65
"""Length of a stretch; frames narrower than two of them are left as they are."""
STREAK_ERRORS = 5.0
"""Standard errors of a stretch's mean from which it is a streak."""
FINE_PERIOD_ROWS = 3.0
"""A grating of a shorter period cannot be told from noise."""
COARSER_ROWS = 16.0
"""A stronger line of a period up to this makes a fine one its overtone."""
LINE_ABOVE = 16.0
"""Power of a spectral line over the band's median: white rows exceed it once in 500 frames."""
LINE_SHARE = 0.05
"""Variance of a fine grating, as a share of the noise's, from which it matters."""


@dataclass(frozen=True, eq=False)
class Rows:
    """A frame of signed detail, ``(H, W)``, split in what stretches of rows share and the rest."""

    shared: Pixels | None
    """Mean of the stretch around each pixel; nothing for narrow frames."""
    rest: Pixels

    @classmethod
    def of(cls, detail: Pixels) -> "Rows":
        """Split."""
        if detail.shape[1] < 2 * STRETCH_PX:
            return cls(None, detail)
        shared = np.asarray(cv2.blur(detail, (STRETCH_PX, 1), borderType=cv2.BORDER_REFLECT), np.float32)
        return cls(shared, np.asarray(detail - shared, np.float32))

    @property
    def lowered(self) -> float:
        """By how much the autocorrelation of white noise comes out too low in the rest."""
        return 0.0 if self.shared is None else 1 / STRETCH_PX

    def share_lost(self, row_acf: tuple[float, ...]) -> float:
        """Share of the noise's variance that went with the stretches' means."""
        return 0.0 if self.shared is None else min(0.5, _sum_of(row_acf) / STRETCH_PX)

    def corrected(self, row_acf: tuple[float, ...]) -> tuple[float, ...]:
        """Return the autocorrelation along a row of the noise, of which the rest has ``row_acf``."""
        if self.shared is None or len(row_acf) < 2:
            return row_acf
        found = row_acf
        for _ in range(4):
            lost = self.share_lost(found)
            found = (1.0, *(value * (1 - lost) + lost for value in row_acf[1:]))
        return found


def _sum_of(row_acf: tuple[float, ...]) -> float:
    return 1 + 2 * sum(row_acf[1:])


def flicker_of(detail: Pixels, sigma: float, row_acf: tuple[float, ...]) -> float:
    """Standard deviation of the rows' brightness beyond the pixels' noise; ``detail`` is the vertical difference."""
    means = detail.mean(axis=1, dtype=np.float64)
    noise = sigma**2 * _sum_of(row_acf) / detail.shape[1]
    robust = float(np.median(np.square(means))) / 0.4549  # median of the square of a standard Gaussian
    return float(np.sqrt(max(robust - noise, 0.0)))


def charging_of(shared: Pixels | None, sigma: float, row_acf: tuple[float, ...]) -> float:
    """Share of the stretches that are darker than those above and below by much more than the rest of their row is.

    A line darker than its neighbours makes the second difference positive there.
    """
    if shared is None or sigma <= 0:
        return 0.0
    error = sigma * (_sum_of(row_acf) / STRETCH_PX) ** 0.5
    stretches = shared[:, STRETCH_PX // 2 :: STRETCH_PX]
    rest_of_row = np.quantile(stretches, 0.25, axis=1, keepdims=True)
    return float(np.mean(stretches - rest_of_row > STREAK_ERRORS * error))


def has_fine_grating(pixels: Pixels, sigma: float) -> bool:
    """Whether rows repeat with a period of less than three rows, strongly enough to matter."""
    height, width = pixels.shape
    if height < 4 * FINE_PERIOD_ROWS or sigma <= 0:
        return False
    count = max(1, width // STRETCH_PX)
    stripes = np.array_split(pixels, count, axis=1)
    power = sum(_periodogram(stripe.mean(axis=1, dtype=np.float64)) for stripe in stripes) / count
    fine = power[int(np.ceil(height / FINE_PERIOD_ROWS)) :]
    coarser = power[int(height / COARSER_ROWS) : int(np.ceil(height / FINE_PERIOD_ROWS))]
    if fine.size < 8 or coarser.max() > fine.max():  # then it is that one's overtone
        return False
    line, background = float(fine.max()), float(np.median(fine))
    # around a line of variance v the periodogram, summed over its few bins, is v
    share = 2 * float(fine[fine > 4 * background].sum()) / sigma**2
    return line > LINE_ABOVE * background and share > LINE_SHARE


def _periodogram(profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power at each frequency of ``rfft``, its sum over both signs the profile's variance; tapered (Hann)."""
    window = np.hanning(profile.size + 2)[1:-1]
    spectrum = np.fft.rfft((profile - profile.mean()) * window)
    return np.asarray(np.abs(spectrum) ** 2 / (profile.size * np.square(window).sum()))
