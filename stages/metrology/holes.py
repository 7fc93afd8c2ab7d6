"""Area and shape of contact holes: the raw frame's, and how a restoration changed them.

A single hole of a noisy frame has a ragged outline, of too large a spread and, where it is fitted, of too large an
ellipticity. The *mean hole*, the average over all holes brought onto their centres, has a smooth one.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from stages.metrology.change import BLOCKS, Change, Values, without_each
from stages.noise import Noise

ANGLES = 32
STEP_PX = 0.5
"""Distance of samples along a radius."""
LEAST_SIDE_PX, MOST_SIDE_PX = 64, 32_000
"""OpenCV looks up no pixels of larger frames."""
MOST_SATURATED = 0.25
"""Share of clipped pixels beyond which nothing is measured."""
DOUBT = 8.0
"""Relative error of the raw frame's area, times the square of the share of clipped pixels: 0.08 at 0.1."""
LEAST_RADIUS_PX, MOST_RADIUS_PX = 2.0, 200.0
FEWEST_HOLES, MOST_HOLES = BLOCKS, 20_000
LEAST_CONTRAST = 8.0
"""Depth of the mean hole in standard errors of one of its samples."""
BEYOND = 1.8
"""How far out a hole is looked at, in radii: the rim, and not the next hole."""


@dataclass(frozen=True, eq=False)
class Holes:
    """The dark holes of a raw frame, to compare its restorations with."""

    centres: NDArray[np.float32]
    """``(N, 2)``, y and x, from top to bottom."""
    radii: NDArray[np.float32]
    """Samples along a radius, in pixels."""
    saturated: float
    grey: float
    """Threshold: half of the way in grey from the floor to the rim."""
    outlines: Values
    """Radius at `ANGLES` angles of the raw frame's mean hole: ``(1 + BLOCKS, ANGLES)``, all and without each block."""

    @classmethod
    def of(cls, raw: Pixels, noise: Noise) -> "Holes | None":
        """Find the holes of a raw frame; ``None`` where there are too few or none that can be measured."""
        if not LEAST_SIDE_PX <= min(raw.shape) <= max(raw.shape) <= MOST_SIDE_PX or noise.saturated > MOST_SATURATED:
            return None
        found = _found(raw, noise)
        if found is None:
            return None
        centres, radius = found
        radii = np.arange(0, BEYOND * radius + 3, STEP_PX, dtype=np.float32)
        bare = cls(centres, radii, noise.saturated, 0.0, np.zeros(0))
        mean = bare.mean_holes(raw)
        along = mean[0].mean(axis=0)
        floor, rim = float(along[radii <= max(radius / 2, 1)].mean()), float(along.max())
        if rim - floor < LEAST_CONTRAST * noise.sigma / len(centres) ** 0.5:
            return None
        grey = (floor + rim) / 2
        return cls(centres, radii, noise.saturated, grey, _outlines(mean, grey))

    def area_px2(self, frame: Pixels) -> float:
        """Area of the mean hole."""
        return float(_areas(self._outlines(frame))[0])

    def ellipticity(self, frame: Pixels) -> float:
        """Width of the mean hole over its height."""
        return float(_ellipticities(self._outlines(frame))[0])

    def area_change(self, frame: Pixels) -> Change:
        """Relative change of the area of the mean hole."""
        ratio = _areas(self._outlines(frame)) / _areas(self.outlines) - 1
        return Change.jackknifed(ratio[0], ratio[1:]).doubted(DOUBT * self.saturated**2)

    def ellipticity_change(self, frame: Pixels) -> Change:
        """Relative change of the mean hole's width over its height."""
        ratio = _ellipticities(self._outlines(frame)) / _ellipticities(self.outlines) - 1
        return Change.jackknifed(ratio[0], ratio[1:])

    def mean_holes(self, frame: Pixels) -> Values:
        """Mean hole in polar coordinates ``(1 + BLOCKS, ANGLES, R)``: of all, and of all but one block."""
        angles = 2 * np.pi * np.arange(ANGLES, dtype=np.float32) / ANGLES
        y = self.centres[:, 0, None, None] + np.sin(angles)[:, None] * self.radii
        x = self.centres[:, 1, None, None] + np.cos(angles)[:, None] * self.radii
        samples = _sampled(frame, x, y)
        starts = np.linspace(0, len(samples), BLOCKS + 1).astype(int)
        sums, counts = np.add.reduceat(samples, starts[:-1], axis=0, dtype=np.float64), np.diff(starts).astype(float)
        means = np.concatenate([sums.sum(axis=0)[None] / len(samples), without_each(sums, counts)])
        return np.asarray(means.reshape(1 + BLOCKS, ANGLES, -1))

    def _outlines(self, frame: Pixels) -> Values:
        return _outlines(self.mean_holes(frame), self.grey)


def _found(raw: Pixels, noise: Noise) -> tuple[NDArray[np.float32], float] | None:
    """Centres and typical radius of what is darker than half of the way between floor and surface."""
    smooth = cv2.GaussianBlur(raw, (0, 0), 2.0)
    levels = np.rint(255 * np.clip(smooth, 0, 1)).astype(np.uint8)
    _, dark = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    count, _, stats, centres = cv2.connectedComponentsWithStats(dark, connectivity=4)
    if count <= FEWEST_HOLES:
        return None
    area = stats[1:, cv2.CC_STAT_AREA].astype(np.float64)
    large = area[area >= np.pi * LEAST_RADIUS_PX**2]
    typical = float(np.median(large)) if large.size else 0.0
    radius = (typical / np.pi) ** 0.5
    y, x = centres[1:, 1], centres[1:, 0]
    margin = BEYOND * radius + 4
    inside = (y > margin) & (x > margin) & (y < raw.shape[0] - margin) & (x < raw.shape[1] - margin)
    alike = (area > 0.5 * typical) & (area < 1.6 * typical) & inside
    if alike.sum() < FEWEST_HOLES or not LEAST_RADIUS_PX <= radius <= MOST_RADIUS_PX:
        return None
    chosen = np.stack([y[alike], x[alike]], axis=1).astype(np.float32)[:MOST_HOLES]
    return chosen[np.argsort(chosen[:, 0], kind="stable")], radius


def _sampled(frame: Pixels, x: NDArray[np.floating], y: NDArray[np.floating]) -> Pixels:
    """Bilinear samples at places of shape ``(N, ...)``, as ``(N, S)``."""
    right, down = (np.asarray(axis.reshape(len(axis), -1), np.float32) for axis in (x, y))
    return np.asarray(cv2.remap(frame, right, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _outlines(holes: Values, grey: float) -> Values:
    """Radius where mean holes ``(P, ANGLES, R)`` first rise above a grey level: ``(P, ANGLES)``."""
    above = holes >= grey
    last = holes.shape[2] - 1
    first = np.clip(np.where(above.any(axis=2), above.argmax(axis=2), last), 1, last)
    after = np.take_along_axis(holes, first[..., None], axis=2)[..., 0]
    before = np.take_along_axis(holes, first[..., None] - 1, axis=2)[..., 0]
    share = np.where(after > before, (grey - before) / np.where(after > before, after - before, 1), 1)
    return np.asarray((first - 1 + np.clip(share, 0, 1)) * STEP_PX)


def _areas(outlines: Values) -> Values:
    return np.asarray(np.pi * np.mean(outlines**2, axis=1))


def _ellipticities(outlines: Values) -> Values:
    """Width over height by the second harmonic of the outline, which no single radius decides."""
    angles = 2 * np.pi * np.arange(ANGLES) / ANGLES
    second = 2 * np.mean(outlines * np.cos(2 * angles), axis=1)
    mean = np.maximum(outlines.mean(axis=1), STEP_PX)
    second = np.clip(second, -mean / 2, mean / 2)
    return np.asarray((mean + second) / (mean - second))
