"""Bring a clean frame onto a noisy one of the same field: where it lies, and how grey levels map.

Needed before any comparison with a reference: between two scans the stage drifts by some pixels, and the scan speed
itself changes the magnification (0.5 % between 100 ns and 30 µs dwell on one FEG-SEM). Unregistered, the error of a
frame measures misalignment, not noise.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter
from scipy.optimize import least_squares
from skimage.registration import phase_cross_correlation

from schemas.frame import Pixels

BLUR_PX = 1.5
"""Blur before correlating: what is finer is noise in one of the two frames."""
GRID = 4
"""Local shifts are measured on so many by so many overlapping tiles, each a third of the frame."""
FURTHEST_PX = 4.0
"""A local shift longer than this is a tile that found nothing to hold on to."""
FEWEST_TILES = 6
"""An affine map has three unknowns an axis; with fewer tiles the shift alone is kept."""
ROUNDS = 3
UNSATURATED = (2 / 255, 252 / 255)
"""Grey levels between which a pixel's value is its brightness."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Alignment:
    """Affine map of points ``(y, x)`` in pixels: ``p`` in one frame is ``matrix @ p + offset`` in the other."""

    matrix: Floats
    offset: Floats

    def then(self, matrix: Floats, offset: Floats) -> "Alignment":
        """Return this map followed by another."""
        return Alignment(matrix @ self.matrix, matrix @ self.offset + offset)

    def warp(self, pixels: Pixels) -> Pixels:
        """Resample the first frame on the second one's grid (cubic splines; nearest beyond the border)."""
        inverse = np.linalg.inv(self.matrix)
        warped = affine_transform(pixels, inverse, -inverse @ self.offset, order=3, mode="nearest")
        return np.asarray(warped, np.float32)


def register(clean: Pixels, noisy: Pixels) -> Alignment:
    """Find the map from a clean frame to a noisy one ``(H, W)`` of the same field: a shift, then an affine map.

    The cross-correlation is windowed and not normalised: phase correlation locks on the frames' common border.
    """
    alignment = Alignment(np.eye(2), shift_between(clean, noisy))
    for _ in range(ROUNDS):
        points, shifts = _local_shifts(alignment.warp(clean), noisy)
        if len(points) < FEWEST_TILES:
            break
        alignment = alignment.then(*_affine(points, shifts))
    return alignment


def shift_between(first: Pixels, second: Pixels) -> Floats:
    """How far ``(y, x)`` in pixels the content of the first frame moved in the second; nowhere if one is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return np.zeros(2)
    shift, _, _ = phase_cross_correlation(  # type: ignore[no-untyped-call]
        _windowed(second), _windowed(first), upsample_factor=50, normalization=None
    )
    return np.asarray(shift, np.float64)


def match_grey(clean: Pixels, noisy: Pixels) -> Pixels:
    """Return a registered clean frame on the noisy one's grey scale, fitted where that is unsaturated."""
    low, high = UNSATURATED
    fair = (noisy > low) & (noisy < high)
    if fair.sum() < 2 or np.ptp(clean[fair]) == 0:
        return clean
    gain, offset = np.polyfit(clean[fair].astype(np.float64), noisy[fair].astype(np.float64), 1)
    return np.asarray(gain * clean + offset, np.float32)


def _windowed(pixels: Pixels) -> Pixels:
    smooth = gaussian_filter(pixels, BLUR_PX)
    window = np.hanning(pixels.shape[0])[:, None] * np.hanning(pixels.shape[1])
    return np.asarray((smooth - smooth.mean()) * window, np.float32)


def _local_shifts(clean: Pixels, noisy: Pixels) -> tuple[Floats, Floats]:
    found = [(point, shift) for point, shift in _tiles(clean, noisy) if np.hypot(*shift) < FURTHEST_PX]
    return np.array([point for point, _ in found]), np.array([shift for _, shift in found])


def _tiles(clean: Pixels, noisy: Pixels) -> Iterator[tuple[Floats, Floats]]:
    height, width = (side // 3 for side in clean.shape)
    for top in np.linspace(0, clean.shape[0] - height, GRID).astype(int):
        for left in np.linspace(0, clean.shape[1] - width, GRID).astype(int):
            tile = np.s_[top : top + height, left : left + width]
            yield np.array([top + height / 2, left + width / 2]), shift_between(clean[tile], noisy[tile])


def _affine(points: Floats, shifts: Floats) -> tuple[Floats, Floats]:
    """Fit ``shift = m @ point + t`` an axis, robustly, and return it as a map."""
    design = np.c_[points, np.ones(len(points))]
    rows = [_robust_fit(design, shifts[:, axis]) for axis in range(2)]
    return np.eye(2) + np.array([row[:2] for row in rows]), np.array([row[2] for row in rows])


def _robust_fit(design: Floats, values: Floats) -> Floats:
    def miss(coefficients: Floats) -> Floats:
        return np.asarray(design @ coefficients - values)

    return np.asarray(least_squares(miss, np.zeros(design.shape[1]), loss="soft_l1", f_scale=0.2, x_scale="jac").x)
