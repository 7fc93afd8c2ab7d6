"""Features as a denoiser might make them up or wipe them out: soft discs of a known detectability."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from schemas.frame import Pixels
from stages.noise import Noise

RADII_PX = (2, 3, 5, 8)
EDGE_PX = 0.7
"""Width (sigma) of a disc's edge."""
MARGIN_PX = 12
"""Least distance of a disc's centre to the frame's border."""


@dataclass(frozen=True)
class Feature:
    """A disc at a place; ``amplitude`` in units of full scale, below 0 where it is dark."""

    x: int
    y: int
    radius_px: int
    amplitude: float

    def drawn(self, shape: tuple[int, ...]) -> Pixels:
        """Return the disc alone in a frame of that shape."""
        return disc(shape, self.x, self.y, self.radius_px) * np.float32(self.amplitude)


def disc(shape: tuple[int, ...], x: int, y: int, radius_px: float) -> Pixels:
    """Return a soft disc of height 1."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    inside = np.hypot(rows - y, columns - x) <= radius_px
    return np.asarray(cv2.GaussianBlur(inside.astype(np.float32), (0, 0), EDGE_PX), np.float32)


def detectability(feature: Pixels, noise: Noise) -> float:
    """Return the signal-to-noise ratio of the best filter, one that knows the feature, its place and the noise law.

    ``d' C⁻¹ d`` is its square; ``C`` acts along rows, so it is a sum over their spectrum. In units of the noise's
    standard deviation at the place: a feature of amplitude ``a`` has ``a / deviation`` times as much.
    """
    width = feature.shape[1]
    power = np.abs(np.fft.rfft(feature, axis=1)) ** 2 / noise.row_psd(width)
    doubled = np.full(power.shape[1], 2.0)
    doubled[0] = 1
    doubled[-1] = 1 if width % 2 == 0 else 2
    return float(np.sqrt((power * doubled).sum() / width))


def drawn_features(
    restored: Pixels, noise: Noise, trusted: Pixels, snrs: Sequence[float], rng: np.random.Generator
) -> list[Feature]:
    """Draw a feature of each detectability, bright or dark, where nothing is saturated.

    Of some there is none: where no radius leaves its grey room between black and white, it would be a weaker one.
    """
    inner = np.argwhere(trusted[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]) + MARGIN_PX
    if not inner.size:
        return []
    amplitudes = {radius: 1 / detectability(disc((64, 64), 32, 32, radius), noise) for radius in RADII_PX}
    drawn: list[Feature] = []
    for snr in snrs:
        y, x = map(int, inner[rng.integers(len(inner))])
        deviation = float(np.sqrt(noise.variance(restored[y : y + 1, x : x + 1])[0, 0]))
        sizes = [(radius, sign * snr * deviation * each) for radius, each in amplitudes.items() for sign in (1, -1)]
        fitting = [Feature(x, y, radius, height) for radius, height in sizes if 0 < restored[y, x] + height < 1]
        drawn += [fitting[rng.integers(len(fitting))]] if fitting else []
    return drawn
