"""Edges of upright lines in the profile across them, averaged along them."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.metrology.change import Values
from stages.metrology.gaps import Gaps

REACH_PX = 8
"""How far to either side of an edge it is looked for, where the pattern leaves so much room."""
LEAST_PITCH_PX, FEWEST_LINES = 6, 2
LEAST_CONTRAST, LEAST_HEIGHT = 8.0, 0.005
"""Height of an edge in standard errors of the profile, and in full scales."""


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges of complete lines, in pairs: where they are in the profile of the raw frame, and at which grey level.

    A line is what stands, brighter, between two spaces. An edge is where the profile, on its way from the middle of a
    space to the bright rim of the line, first rises above half of the way in grey.
    """

    at: Values
    """Positions ``(2 L,)``: left, right, left, right, ..."""
    grey: Values
    """Threshold of each edge."""
    reach: int
    """Columns to either side that are the edge's own."""

    @classmethod
    def of(cls, profile: Values, se: float) -> "Edges | None":
        """Find the edges of a profile whose standard error is ``se``; ``None`` where it has no lines."""
        smooth = cv2.GaussianBlur(profile[None], (0, 0), 1.0)[0].astype(np.float64)
        period = _period(smooth)
        gaps = None if period is None else Gaps.of(smooth, period)
        pitch = None if period is None or gaps is None else gaps.pitch(period)
        if gaps is None or pitch is None or not gaps.are_spaces(se):
            return None
        ends = [(left, right) for left, right in pairwise(_spaces(smooth, pitch)) if gaps.between(left, right) == 1]
        pairs = [_pair(smooth, left, right) for left, right in ends]
        found = [pair for pair in pairs if pair is not None]
        if len(found) < FEWEST_LINES:
            return None
        if np.median([height for *_, height in found]) < max(LEAST_CONTRAST * se, LEAST_HEIGHT):
            return None
        rough = np.array([edge for left, right, *_ in found for edge in (left, right)])
        grey = np.array([level for *_, low, high, _ in found for level in (low, high)])
        reach = int(np.clip(np.diff(rough).min() / 2, 2, REACH_PX))
        edges = cls(rough, grey, reach)
        inside = (rough > reach + 1) & (rough < len(profile) - reach - 2)
        whole = np.repeat(inside.reshape(-1, 2).all(axis=1), 2)
        if whole.sum() < 2 * FEWEST_LINES:
            return None
        edges = cls(rough[whole], grey[whole], reach)
        return cls(edges.positions(profile[None])[0], edges.grey, reach)

    @property
    def outwards(self) -> NDArray[np.intp]:
        """Of each edge, which way leads out of its line: -1 to the left, 1 to the right."""
        return np.tile([-1, 1], len(self.at) // 2)

    @property
    def columns(self) -> NDArray[np.intp]:
        """Columns around each edge ``(2 L, 2 reach + 1)``, from the space into the line."""
        steps = np.arange(-self.reach, self.reach + 1)
        return np.asarray(np.rint(self.at).astype(int)[:, None] - self.outwards[:, None] * steps, np.intp)

    def positions(self, profiles: Values) -> Values:
        """Where profiles ``(P, W)`` cross each edge's threshold: ``(P, 2 L)``.

        A profile that stays below it has its edge at the inner end of the columns, one that stays above at the outer.
        """
        grey = profiles[:, self.columns]
        above = grey >= self.grey[:, None]
        last = 2 * self.reach
        first = np.where(above.any(axis=2), above.argmax(axis=2), last)
        after = np.take_along_axis(grey, first[..., None], axis=2)[..., 0]
        before = np.take_along_axis(grey, np.maximum(first - 1, 0)[..., None], axis=2)[..., 0]
        rise = np.where(after > before, after - before, 1.0)
        share = np.where((first > 0) & (after > before), np.clip((self.grey - before) / rise, 0, 1), 1.0)
        inwards = np.where(first > 0, first - 1 + share, 0) - self.reach
        return np.asarray(np.rint(self.at) - self.outwards * inwards)


def widths(positions: Values) -> Values:
    """Widths of the lines ``(..., L)`` from the positions of their edges ``(..., 2 L)``."""
    return np.asarray(positions[..., 1::2] - positions[..., 0::2])


def _period(smooth: Values) -> int | None:
    """Distance of the lines, by the highest peak of the profile's autocorrelation that is not its multiple."""
    detail = smooth - cv2.GaussianBlur(smooth[None], (0, 0), max(len(smooth) / 12, 8))[0]
    width = len(detail)
    spectrum = np.fft.rfft(detail, 2 * width)
    acf = np.fft.irfft(np.abs(spectrum) ** 2)[: width // 2] / np.arange(width, width - width // 2, -1)
    peaks = 1 + np.flatnonzero((acf[1:-1] > acf[:-2]) & (acf[1:-1] >= acf[2:]))
    peaks = peaks[peaks >= LEAST_PITCH_PX]
    if not peaks.size or acf[peaks].max() < 0.3 * acf[0]:
        return None
    return int(peaks[acf[peaks] >= 0.85 * acf[peaks].max()][0])


def _spaces(smooth: Values, period: int) -> list[int]:
    """Columns of the middle of the dark of each period."""
    smooth = cv2.GaussianBlur(smooth[None], (0, 0), period / 8)[0]
    whole = len(smooth) // period * period
    phase = int(smooth[:whole].reshape(-1, period).mean(axis=0).argmin())
    near = max(period // 4, 1)
    found: list[int] = []
    expected = float(phase)
    while expected < len(smooth):
        low = max(round(expected) - near, 0)
        place = low + int(smooth[low : round(expected) + near + 1].argmin())
        found.append(place)
        expected = place + period if found[-1] > expected - near else expected + period
    return found


def _pair(smooth: Values, left: int, right: int) -> tuple[float, float, float, float, float] | None:
    """Edges of the line between two spaces, their thresholds, and the height of the lower one."""
    between = smooth[left : right + 1]
    top = between.max()
    weight = between - between.min()
    middle = int((weight @ np.arange(len(weight))) / max(weight.sum(), 1e-9))
    rims = between[: middle + 1].max(), between[middle:].max()
    low, high = (smooth[left] + rims[0]) / 2, (smooth[right] + rims[1]) / 2
    height = float(min(rims[0] - smooth[left], rims[1] - smooth[right]))
    if height < 0.3 * (top - min(smooth[left], smooth[right])):
        return None
    rising = float(left + int((between >= low).argmax()))
    falling = float(right - int((between[::-1] >= high).argmax()))
    return (rising, falling, float(low), float(high), height) if falling > rising else None
