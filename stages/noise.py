"""The noise of a scanned frame: how strong, how it grows with the signal, and how it is correlated along a row.

Rows are scanned at different times, so their noise is independent, while the detector's bandwidth correlates neighbours
along a row. The second difference along y therefore sees the noise and nothing of a smooth specimen
(the idea of Foi et al. 2008, IEEE Trans. Image Process. 17:1737, moved to the slow axis).
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, sobel

from schemas.frame import Pixels
from schemas.scores import NoiseRecord

LAGS = 9
"""Lags of the row autocorrelation that are measured."""
ROWS_INDEPENDENT_BELOW = 0.25
"""Lag-1 correlation along y above which rows do not count as independent (0.42 on resampled frames, else below 0.16)."""
MIN_SIDE_PX = 16
"""Frames with a shorter side tell too little about their noise."""


@dataclass(frozen=True)
class Noise:
    """Noise law of one frame, in units of full scale; see `schemas.scores.NoiseRecord` for the fields."""

    sigma: float
    gain: float
    offset: float
    row_acf: tuple[float, ...]
    column_lag1: float
    saturated: float
    holds: bool
    why_not: str | None = None

    def variance(self, mean: Pixels) -> Pixels:
        """Variance where the noise-free frame is ``mean``: ``gain * mean + offset``, floored at 0.15 of the frame's."""
        floor = 0.15 * self.sigma**2
        return np.asarray(np.maximum(self.gain * mean + self.offset, floor), np.float32)

    def scaled(self, factor: float) -> "Noise":
        """Return the law of the same noise with ``factor`` times the variance."""
        return replace(self, sigma=self.sigma * factor**0.5, gain=self.gain * factor, offset=self.offset * factor)

    def row_psd(self, width: int) -> NDArray[np.float64]:
        """Power spectrum along a row at the frequencies of ``rfft``, mean 1 over the full spectrum."""
        lags = np.zeros(width)
        taper = 1 - np.arange(len(self.row_acf)) / len(self.row_acf)
        for lag, value in enumerate(np.asarray(self.row_acf) * taper):
            if lag < width:
                lags[lag] += value
            if 0 < lag < width:
                lags[-lag] += value
        power = np.maximum(np.fft.rfft(lags).real, 0.02)
        full_sum = power[0] + 2 * power[1:].sum() - (power[-1] if width % 2 == 0 else 0.0)
        return np.asarray(power * width / full_sum)

    def draw(self, mean: Pixels, rng: np.random.Generator) -> Pixels:
        """Draw noise of this law for a noise-free frame ``mean``: row-correlated, signal-dependent, zero mean."""
        white = rng.standard_normal(mean.shape)
        spectrum = np.fft.rfft(white, axis=1) * np.sqrt(self.row_psd(mean.shape[1]))
        coloured = np.fft.irfft(spectrum, mean.shape[1], axis=1)
        return np.asarray(coloured * np.sqrt(self.variance(mean)), np.float32)

    def to_record(self) -> NoiseRecord:
        """Return the law as it travels in an event."""
        return NoiseRecord(
            sigma=self.sigma,
            gain=self.gain,
            offset=self.offset,
            row_acf=self.row_acf,
            column_lag1=self.column_lag1,
            saturated=self.saturated,
            holds=self.holds,
            why_not=self.why_not,
        )


def vertical_difference(pixels: Pixels) -> Pixels:
    """Second difference along y, scaled so that independent rows keep their variance: ``(H - 2, W)``."""
    return np.asarray((pixels[:-2] - 2 * pixels[1:-1] + pixels[2:]) / np.float32(6**0.5))


def measure(pixels: Pixels) -> Noise:
    """Measure the noise law of a whole frame ``(H, W)`` in ``[0, 1]``."""
    saturated = float(((pixels <= 0) | (pixels >= 1)).mean())
    if min(pixels.shape) < MIN_SIDE_PX:
        return _unknown(saturated, f"the frame's shorter side is {min(pixels.shape)} px, less than {MIN_SIDE_PX}")
    if float(np.ptp(pixels)) == 0:
        return _unknown(saturated, "the frame is constant")
    difference = vertical_difference(pixels)
    mean = gaussian_filter(pixels, 1.5)
    flat = _flat(pixels)[1:-1] & (pixels > 0)[1:-1] & (pixels < 1)[1:-1]
    sigma2 = _robust_variance(difference[flat])
    if not flat.any() or sigma2 == 0:
        return _unknown(saturated, "no noise was found in the flat parts of the frame")
    gain, offset = _variance_law(difference[flat], mean[1:-1][flat], sigma2)
    law = Noise(sigma2**0.5, gain, offset, (1.0,), 0.0, saturated, True)
    variance = law.variance(mean)
    whitened = np.where(flat, difference / np.sqrt(variance[1:-1]), 0)
    column_lag1 = _column_lag1(pixels, mean, variance, flat)
    return replace(
        law,
        sigma=float(np.sqrt(variance.mean())),
        row_acf=_row_acf(whitened, flat),
        column_lag1=column_lag1,
        holds=column_lag1 <= ROWS_INDEPENDENT_BELOW,
        why_not=None if column_lag1 <= ROWS_INDEPENDENT_BELOW else "neighbouring rows are correlated: resampled frame?",
    )


def _unknown(saturated: float, why_not: str) -> Noise:
    return Noise(0.0, 0.0, 0.0, (1.0,), 0.0, saturated, holds=False, why_not=why_not)


def _flat(pixels: Pixels, share: float = 0.6) -> NDArray[np.bool_]:
    smooth = gaussian_filter(pixels, 2.0)
    edges = np.hypot(sobel(smooth, 0), sobel(smooth, 1))
    return np.asarray(edges <= np.quantile(edges, share))


def _robust_variance(values: Pixels) -> float:
    if values.size == 0:
        return 0.0
    return float((np.median(np.abs(values - np.median(values))) / 0.6745) ** 2)


def _variance_law(difference: Pixels, mean: Pixels, sigma2: float) -> tuple[float, float]:
    edges = np.quantile(mean, np.linspace(0.02, 0.98, 9))
    bins = [(mean >= low) & (mean <= high) for low, high in pairwise(edges)]
    points = [(float(mean[b].mean()), _robust_variance(difference[b])) for b in bins if b.sum() > 150]
    means, variances = (np.array(v) for v in zip(*points, strict=True)) if points else (np.array([]), np.array([]))
    if len(points) < 3 or np.ptp(means) < 0.03:
        return 0.0, sigma2
    gain, offset = np.polyfit(means, variances, 1)
    return (float(gain), float(offset)) if gain >= 0 else (0.0, float(variances.mean()))


def _row_acf(whitened: Pixels, flat: NDArray[np.bool_]) -> tuple[float, ...]:
    clipped = np.where(np.abs(whitened) < 4, whitened, 0)
    width = clipped.shape[1]
    lags = range(min(LAGS, width))
    covariance = [
        (clipped[:, lag:] * clipped[:, : width - lag]).sum() / max((flat[:, lag:] & flat[:, : width - lag]).sum(), 1)
        for lag in lags
    ]
    acf = np.array(covariance) / covariance[0]
    acf[np.abs(acf) < 0.03] = 0
    first_gap = np.argmax(acf <= 0) if (acf <= 0).any() else len(acf)
    return tuple(float(round(value, 5)) for value in acf[:first_gap])


def _column_lag1(pixels: Pixels, mean: Pixels, variance: Pixels, flat: NDArray[np.bool_]) -> float:
    high = (pixels - mean) / np.sqrt(variance)
    high = np.where(np.abs(high) < 4, high, 0)
    inner = high[1:-1] * flat
    above = high[:-2] * flat
    return float((inner * above).sum() / max((inner**2).sum(), 1e-12))
