"""What all simulated specimens share: an oversampled canvas, edge brightening, and the probe that blurs it all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from schemas.frame import Pixels

Grid = NDArray[np.float32]
"""``(H * OVERSAMPLING, W * OVERSAMPLING)`` float32."""

OVERSAMPLING = 2
DARKEST, BRIGHTEST = 0.02, 0.98
"""Scenes keep off the ends of the grey scale, as an operator sets contrast and brightness."""


@dataclass(frozen=True)
class Canvas:
    """Coordinates in pixels of a frame of ``shape``, sampled `OVERSAMPLING` times finer along both axes."""

    shape: tuple[int, int]

    def coordinates(self) -> tuple[Grid, Grid]:
        """Return ``y`` and ``x`` of every sample."""
        y, x = (((np.arange(n * OVERSAMPLING) + 0.5) / OVERSAMPLING).astype(np.float32) for n in self.shape)
        return np.repeat(y[:, None], x.size, axis=1), np.repeat(x[None], y.size, axis=0)

    def filled(self, grey: float) -> Grid:
        """Return samples of one grey level."""
        height, width = self.shape
        return np.full((height * OVERSAMPLING, width * OVERSAMPLING), grey, np.float32)

    def photographed(self, samples: Grid, rng: np.random.Generator) -> Pixels:
        """Return the noise-free frame: surface grain, uneven shading and probe blur (0.6 to 1.5 px) added.

        The probe may be astigmatic by up to 15 %.
        """
        height, width = self.shape
        sigma, astigmatism = rng.uniform(0.6, 1.2) * OVERSAMPLING, rng.uniform(-0.15, 0.15)
        blurred = gaussian_filter(samples, (sigma * (1 + astigmatism), sigma * (1 - astigmatism)))
        pixels = blurred.reshape(height, OVERSAMPLING, width, OVERSAMPLING).mean((1, 3))
        grain = gaussian_filter(rng.standard_normal(self.shape).astype(np.float32), 1.0) * 3.5
        pixels = pixels * self._shading(rng) + rng.uniform(0.004, 0.014) * grain
        return np.asarray(np.clip(pixels, DARKEST, BRIGHTEST), np.float32)

    def _shading(self, rng: np.random.Generator) -> Pixels:
        coarse = 1 + rng.uniform(0, 0.06) * rng.standard_normal((4, 4))
        height, width = self.shape
        fine = zoom(coarse, (max(height, 4) / 4, max(width, 4) / 4), order=1)
        return np.asarray(fine[:height, :width], np.float32)


def edge_bloom(inside_px: Grid, *, strength: float, decay_px: float) -> Grid:
    """Return the brightening at an edge: more secondary electrons leave a step within their escape depth.

    ``inside_px`` is the signed distance to the edge, positive on the upper side, where the bloom is wider and stronger.
    """
    upper = np.exp(-np.maximum(inside_px, 0) / np.float32(decay_px))
    lower = np.float32(0.35) * np.exp(np.minimum(inside_px, 0) / np.float32(0.6 * decay_px))
    return np.asarray(np.float32(strength) * np.where(inside_px >= 0, upper, lower), np.float32)


def fractal(shape: tuple[int, int], slope: float, rng: np.random.Generator) -> Pixels:
    """Random field with zero mean, unit standard deviation and a power spectrum falling as ``frequency ** -slope``."""
    height, width = shape
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) * frequency ** (-slope / 2)
    field = np.fft.irfft2(spectrum, shape)
    return np.asarray(field / max(float(field.std()), 1e-9), np.float32)
