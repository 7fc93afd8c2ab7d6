import numpy as np
from scipy.ndimage import gaussian_filter

from schemas.frame import Pixels
from stages.noise import Noise
from stages.simulation.lithography import rough_edges

LAW = Noise(0.1, 0.015, 0.0, (1.0,), 0.0, 0.0, holds=True)
SCANNED = Noise(0.1, 0.015, 0.0, (1.0, 0.5, 0.15), 0.0, 0.0, holds=True)
SILENT = Noise(1e-4, 0.0, 0.0, (1.0,), 0.0, 0.0, holds=True)
FINER = 8
"""Samples a pixel at which patterns are drawn."""


def lines(
    *, cd: float = 14.0, pitch: float = 28.0, lean: float = 0.0, sigma: float = 0.6, shape: tuple[int, int] = (320, 320)
) -> Pixels:
    """Bright lines on a dark ground, blurred by the probe; rough edges whose mean is zero."""
    height, width = shape
    count = int(width / pitch) + 3
    rng = np.random.default_rng(5)
    left, right = (
        rough_edges(count, height, sigma_px=sigma, correlation_px=12, hurst=0.7, rng=rng)[:, :, None] for _ in range(2)
    )
    x = (np.arange(width * FINER) + 0.5) / FINER - 0.5
    middles = (np.arange(count) - 0.5)[:, None] * pitch + lean * (np.arange(height) - height / 2)
    inside = np.zeros((height, width * FINER), np.bool_)
    for line in range(count):
        middle = middles[line][:, None]
        inside |= (x > middle - cd / 2 - left[line]) & (x < middle + cd / 2 + right[line])
    fine = 0.2 + 0.4 * inside
    return np.asarray(gaussian_filter(fine.reshape(height, width, FINER).mean(axis=2), (0, 1.0)), np.float32)


def holes(*, width: float = 13.0, height: float = 13.0, pitch: float = 26.0, side: int = 312) -> Pixels:
    """Dark ellipses in a bright surface."""
    fine = (np.arange(side * 4) + 0.5) / 4
    place = (fine - 0.37) % pitch - pitch / 2
    inside = np.hypot(place[:, None] / (height / 2), place[None] / (width / 2)) < 1
    pixels = (0.6 - 0.35 * inside).reshape(side, 4, side, 4).mean(axis=(1, 3))
    return np.asarray(gaussian_filter(pixels, 0.8), np.float32)


def noisy(clean: Pixels, noise: Noise = LAW, seed: int = 3) -> Pixels:
    rng = np.random.default_rng(seed)
    return np.asarray(np.clip(clean + noise.draw(clean, rng), 0, 1), np.float32)


def blurred(frame: Pixels, along_x: float, along_y: float) -> Pixels:
    return np.asarray(gaussian_filter(frame, (along_y, along_x)), np.float32)
