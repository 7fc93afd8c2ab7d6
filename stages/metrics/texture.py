"""How much of the specimen's texture is there, by its fineness."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft2

from schemas.frame import Pixels
from stages.metrics.names import Score, Scores
from stages.noise import Noise, local_mean

BANDS: tuple[tuple[Score, float, float], ...] = (
    (Score.TEXTURE_COARSE, 1 / 64, 1 / 16),
    (Score.TEXTURE_MEDIUM, 1 / 16, 1 / 8),
    (Score.TEXTURE_FINE, 1 / 8, 1 / 4),
    (Score.TEXTURE_FINEST, 1 / 4, 1 / 2),
)
"""Scores and their spatial frequencies from, to, in cycles a pixel."""
LEAST_SIGNAL = 0.1
"""Power of the specimen, as a share of the noise's in the same band, below which it cannot be told."""


@dataclass(frozen=True, eq=False)
class Texture:
    """Power in bands of spatial frequency, over the raw frame's with the noise's share taken off."""

    window: Pixels
    band: NDArray[np.intp]
    """Of each coefficient of `rfft2`, flat: 1 to 4; 0 for none."""
    specimen: tuple[float | None, ...]
    """Power of the specimen in each band, where it can be told."""

    @classmethod
    def of(cls, raw: Pixels, noise: Noise) -> "Texture":
        """Measure what texture the specimen of a raw frame has."""
        height, width = raw.shape
        window = np.asarray(np.outer(np.hanning(height), np.hanning(width)), np.float32)
        frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
        band = sum(i * ((frequency >= low) & (frequency < high)) for i, (_, low, high) in enumerate(BANDS, start=1))
        empty = cls(window, np.asarray(band, np.intp).ravel(), ())
        noise_power = float((window**2 * noise.variance(local_mean(raw))).sum()) * noise.row_psd(width)
        expected = empty.sums(np.broadcast_to(noise_power, (height, len(noise_power))))
        surplus = empty.powers(raw) - expected
        told = surplus > LEAST_SIGNAL * expected
        return cls(window, empty.band, tuple(float(s) if t else None for s, t in zip(surplus, told, strict=True)))

    def powers(self, frame: Pixels) -> NDArray[np.float64]:
        """Power of a frame in each band."""
        spectrum = rfft2((frame - frame.mean()) * self.window)
        return self.sums(spectrum.real**2 + spectrum.imag**2)

    def sums(self, power: NDArray[np.floating]) -> NDArray[np.float64]:
        """Sum of a half spectrum over each band."""
        return np.asarray(np.bincount(self.band, power.ravel(), minlength=len(BANDS) + 1)[1:], np.float64)

    def __call__(self, frame: Pixels) -> Scores:
        """Score one frame of the same shape."""
        shares = zip(BANDS, self.powers(frame), self.specimen, strict=True)
        return {name: float(power) / specimen if specimen else None for (name, _, _), power, specimen in shares}
