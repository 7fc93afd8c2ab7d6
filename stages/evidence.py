"""The evidence map: where a restoration and the raw frame disagree by more than noise explains.

What was taken away, ``raw - restored``, is divided by the noise's standard deviation where the specimen is as bright as
the restoration says, and searched by matched filters (Gaussians of three widths; Turin 1960, IRE Trans. Inf. Theory
6:311). The filtered residual is divided by what noise of the law, with its correlation along a row, has after the same
filter: were the restoration the truth, every pixel were a draw of variance 1. A method that keeps some of the noise
takes less away than that, everywhere; its map is divided by how much its own values spread. So the map counts standard
deviations of what a method usually takes away, and one limit is as rare for all.

**What it cannot see.** Structure that a method makes up *from* the noise, grain taken for texture, or a smear where
noise happened to be bright, leaves in the residual less than noise would, never more: it costs nothing here. Nor does
it see a feature that the noise hides at every scale of the filters, nor anything where the detector was saturated.
"""

from dataclasses import dataclass
from functools import reduce
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft
from scipy.linalg import toeplitz

from schemas.frame import Pixels
from stages.flat_parts import CLIPPED_SHARE
from stages.noise import Noise
from stages.windows import Mask

SCALES_PX = (1.4, 2.4, 4.2)
"""Widths (sigma) of the filters: discs of radius 2, 3.5 and 6 px. A fourth of 1 px found no more planted discs."""
REACH = 3.0
"""Where the filters are cut off, in their widths."""
LEAST_COVERED = 0.5
"""Share of a filter's weight that must lie on pixels that can be trusted."""
CLIPPED_WITHIN_PX = 11
"""Side of the square in which clipped pixels are counted."""
SEEN_FROM = 5.5
"""Standard deviations from which a disagreement is a finding; one honest restoration of twenty has one."""
REFERENCE_PX = 512
"""Side of the frame in which standard deviations are counted as they are, by the finest filter."""
RARE = 6.1
"""Standard deviations whose rarity is kept where there are fewer or more places to look at."""
LEAST_SPREAD = 0.7
"""Spread of a map below which it is not stretched any more: what a method takes away is no Gaussian there."""
SPREAD_OF_MEDIAN = 0.67449
"""Median of the absolute value of a standard Gaussian."""
MOST_SKEWED = 1 / 8
"""Largest coefficient of the skewness's correction: with it, a larger residual is never taken for a smaller one."""


@dataclass(frozen=True)
class Finding:
    """A place where the raw frame and a restoration disagree.

    The sign alone cannot tell who is right about what: ``z > 0``, the raw frame is brighter, is a bright feature erased
    or a dark one planted; ``z < 0`` a dark one erased or a bright one planted. Look at both frames there.
    """

    x: int
    y: int
    scale_px: float
    """Width (sigma) of the filter that responds most; about 0.7 times a disc's radius."""
    z: float

    @property
    def meaning(self) -> str:
        """Both readings of the sign."""
        if self.z > 0:
            return "raw brighter: something bright erased, or something dark planted"
        return "raw darker: something dark erased, or something bright planted"


@dataclass(frozen=True, eq=False)
class _Filter:
    """A Gaussian that gives noise of the law a variance of 1, and its response the weight of its `rarity`."""

    along_x: Pixels
    along_y: Pixels
    rarity: float
    weight: Pixels
    """``(H, W)``: 1 over the deviation of the filtered noise, times the rarity; 0 where it cannot be trusted."""

    @classmethod
    def of(cls, scale_px: float, noise: Noise, trusted: Pixels) -> "_Filter":
        """Make the filter of a scale for a frame."""
        reach = ceil(REACH * scale_px)
        gauss = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * scale_px**2))
        correlation = toeplitz(_row_acf(noise, len(gauss)))
        along_x, along_y = gauss / np.sqrt(gauss @ correlation @ gauss), gauss / np.linalg.norm(gauss)
        covered = _filtered(trusted, along_x**2 / np.sum(along_x**2), along_y**2)
        lacking = covered < LEAST_COVERED - 1e-3
        np.sqrt(np.maximum(covered, np.float32(LEAST_COVERED / 2), out=covered), out=covered)
        rare = rarity(scale_px, float(trusted.sum()))
        weight = np.divide(np.float32(rare), covered, out=covered)
        weight *= trusted
        weight[lacking] = 0
        return cls(np.asarray(along_x, np.float32), np.asarray(along_y, np.float32), rare, weight)

    def __call__(self, residual: Pixels) -> Pixels:
        found = _filtered(residual, self.along_x, self.along_y)
        found *= self.weight
        found /= np.float32(np.clip(self._spread(found), LEAST_SPREAD, 1))
        return found

    def _spread(self, found: Pixels) -> float:
        """Robust standard deviation where the noise of the law has 1: 0.5 to 0.9, and more where specimen was taken."""
        some = (slice(1, None, 3), slice(1, None, 3))
        values = np.abs(found[some][self.weight[some] > 0])
        return float(np.median(values)) / (SPREAD_OF_MEDIAN * self.rarity) if values.size else 1.0


@dataclass(frozen=True, eq=False)
class EvidenceMap:
    """Standard deviations by which a raw frame and one restoration disagree; positive where the raw is brighter."""

    of_scale: tuple[Pixels, ...]
    """``(H, W)`` for each of `SCALES_PX`; 0 where it cannot compare."""
    compared: Mask
    """``(H, W)``: where some filter can compare. Elsewhere too much is clipped, and nothing is known."""

    @property
    def z(self) -> Pixels:
        """Of every pixel the largest in absolute value, with its sign."""
        high, low = reduce(np.maximum, self.of_scale), reduce(np.minimum, self.of_scale)
        return np.asarray(np.where(high >= -low, high, low))

    @property
    def largest(self) -> float:
        """Largest absolute value."""
        ends = [cv2.minMaxLoc(z) for z in self.of_scale]
        return max(max(abs(low), high) for low, high, _, _ in ends)

    @property
    def share(self) -> float:
        """Share of the pixels beyond `SEEN_FROM`."""
        if self.largest <= SEEN_FROM:
            return 0.0
        return float(np.mean(np.abs(self.z) > SEEN_FROM))

    def findings(self, least: float = SEEN_FROM) -> list[Finding]:
        """Return the peak of every cluster of pixels beyond ``least`` standard deviations, the strongest first."""
        if self.largest <= least:
            return []
        z = self.z
        places = [*_peaks(z, least), *_peaks(-z, least)]
        return sorted((self._finding(y, x) for y, x in places), key=lambda found: (-abs(found.z), found.y, found.x))

    def _finding(self, y: int, x: int) -> Finding:
        values = [float(z[y, x]) for z in self.of_scale]
        strongest = max(range(len(values)), key=lambda place: abs(values[place]))
        return Finding(x, y, SCALES_PX[strongest], round(values[strongest], 2))


@dataclass(frozen=True, eq=False)
class Evidence:
    """A raw frame, prepared for the maps of its restorations."""

    raw: Pixels
    noise: Noise
    trusted: Pixels
    """1 where few neighbours are clipped, else 0; single clipped pixels are kept, for leaving them out would bias."""
    filters: tuple[_Filter, ...]
    compared: Mask

    @classmethod
    def of(cls, raw: Pixels, noise: Noise) -> "Evidence | None":
        """Prepare a raw frame ``(H, W)``; there is no evidence where the noise follows no law."""
        if not noise.holds or noise.sigma <= 0:
            return None
        clipped = ((raw <= 0) | (raw >= 1)).view(np.uint8)
        share = cv2.boxFilter(clipped, cv2.CV_32F, (CLIPPED_WITHIN_PX, CLIPPED_WITHIN_PX))
        trusted = np.asarray(share <= CLIPPED_SHARE, np.float32)
        filters = tuple(_Filter.of(scale, noise, trusted) for scale in SCALES_PX)
        return cls(raw, noise, trusted, filters, reduce(np.logical_or, (each.weight > 0 for each in filters)))

    @property
    def covered(self) -> float:
        """Share of the pixels at which the finest filter can compare."""
        return float(np.count_nonzero(self.filters[0].weight)) / self.raw.size

    def __call__(self, restored: Pixels) -> EvidenceMap:
        """Compare with a restoration of the same shape; the raw frame itself has 0 everywhere."""
        residual = self._residual(restored)
        return EvidenceMap(tuple(each(residual) for each in self.filters), self.compared)

    def _residual(self, restored: Pixels) -> Pixels:
        """Return the residual in standard deviations of the noise, with the skewness of shot noise taken off.

        ``r - s / 6 (r² - mean r²)``, the first term of Cornish and Fisher's expansion for noise of skewness ``s``; that
        of shot noise is ``gain / deviation``. Without it bright flashes of an honest residual reached 5.2 standard
        deviations on fields 1-28 of the real pairs, with it 4.6.
        """
        deviation = np.sqrt(self.noise.variance(restored))
        residual = self.raw - restored
        residual /= deviation
        residual *= self.trusted
        skewed = np.divide(np.float32(self.noise.gain / 6), deviation, out=deviation)
        np.minimum(skewed, np.float32(MOST_SKEWED), out=skewed)
        square = np.square(residual)
        np.minimum(square, np.float32(16), out=square)
        square -= square.mean()
        square *= skewed
        square *= self.trusted
        residual -= square
        return residual


def _peaks(z: Pixels, least: float) -> list[tuple[int, int]]:
    """Return row and column of the largest value of every cluster beyond ``least``."""
    _, label = cv2.connectedComponents((z > least).astype(np.uint8))
    at = np.flatnonzero(label)
    falling = at[np.argsort(-z.ravel()[at], kind="stable")]
    _, first = np.unique(label.ravel()[falling], return_index=True)
    return [divmod(int(place), z.shape[1]) for place in falling[first]]


def rarity(scale_px: float, area_px: float) -> float:
    """Return by what deviations found by a filter in an area are multiplied, so that `RARE` ones are equally rare.

    Noise reaches high where it has many places to do so, about ``area / scale²``; the tail of a Gaussian falls as
    ``exp(-z² / 2)``. So `RARE` in 512 × 512 px by the finest filter is as rare as ``RARE / rarity`` here.

    >>> [round(rarity(scale, 512 * 512), 2) for scale in SCALES_PX]
    [1.0, 1.03, 1.06]
    >>> round(rarity(SCALES_PX[0], 2048 * 2048), 2), round(rarity(SCALES_PX[0], 128 * 128), 2)
    (0.93, 1.08)
    """
    places = max(area_px, 1) / REFERENCE_PX**2 * (SCALES_PX[0] / scale_px) ** 2
    return float(RARE / max(RARE**2 + 2 * np.log(places), RARE**2 / 2) ** 0.5)


def _row_acf(noise: Noise, lags: int) -> NDArray[np.float64]:
    """Autocorrelation along a row that has no negative power: what `Noise.draw` draws with."""
    return np.asarray(irfft(noise.row_psd(512), 512)[:lags])


def _filtered(pixels: Pixels, along_x: NDArray[np.floating], along_y: NDArray[np.floating]) -> Pixels:
    return np.asarray(cv2.sepFilter2D(pixels, cv2.CV_32F, along_x, along_y, borderType=cv2.BORDER_CONSTANT))
