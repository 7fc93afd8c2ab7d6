"""Which of the dark gaps in a profile are spaces, and how far apart: a line with bright rims has a gap inside, too."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from stages.metrology.change import Values

LEAST_WINDOW_PX, PERIODS = 64, 3
"""Over how many columns, and periods, the darkest and the brightest grey are looked for."""
UNLIKE, UNLIKE_ERRORS = 0.05, 2.0
"""Difference in grey of neighbouring gaps: in heights of the lines, and in standard errors of the profile."""
UNEVEN_PX, FEWEST = 0.5, 2
"""Difference in width of neighbouring gaps; gaps that can be compared."""
FLAT = 0.66
"""Width of a bump at 80 % of its height over that at 50 %: of a rim 0.57 (a Gaussian's), of a line up to 1."""
OFF = 0.1
"""Part of the lines' distance by which the profile's period may deviate from a multiple of it."""
LEAST_WIDTH_PX = 4.75
"""Width of a line or a space in a smoothed profile, below which blur may have changed it by more than 1 px."""
LEAST_DIP, NARROW = 0.1, 0.24
"""Depth of a dip in a bump, and its share of the bump's width: the inside of a line between its rims is wider."""


@dataclass(frozen=True, eq=False)
class Gaps:
    """What lies below half of the height between complete bumps, of which a profile has one more than gaps."""

    bumps: Values
    """Where the profile rises above half of the height and falls below it: ``(G + 1, 2)``."""
    flatness: float
    """Typical width of a bump at 80 % of its height over that at 50 %."""
    dip: float
    """Typical width of a dip in a bump over that of the bump; 1 where there is none."""
    greys: Values
    """Median of the middle third of each gap: ``(G,)``."""
    height: float
    """Typical difference of the brightest and the darkest grey."""

    @classmethod
    def of(cls, smooth: Values, period: int) -> "Gaps | None":
        """Find the gaps of a profile that repeats after ``period`` columns; ``None`` where it has none."""
        window = max(PERIODS * period, LEAST_WINDOW_PX)
        low, high = minimum_filter1d(smooth, window), maximum_filter1d(smooth, window)
        level = (smooth - low) / np.maximum(high - low, 1e-9)
        bumps = _above(level, 0.5)
        if len(bumps) < 2:
            return None
        flatness, dip = (float(np.median([of(level, *bump) for bump in bumps])) for of in (_flatness, _dip))
        greys = np.array([_middle(smooth, left[1], right[0]) for left, right in pairwise(bumps)])
        return cls(bumps, flatness, dip, greys, float(np.median(high - low)))

    @property
    def widths(self) -> Values:
        """Of the gaps, in pixels."""
        return np.asarray(self.bumps[1:, 0] - self.bumps[:-1, 1])

    @property
    def distance(self) -> float:
        """Typical distance of neighbouring gaps, in pixels: one of two bumps is that of these."""
        places = (self.bumps[:-1, 1] + self.bumps[1:, 0]) / 2
        return float(np.median(np.diff(places if len(places) > 1 else self.bumps.mean(axis=1))))

    def pitch(self, period: int) -> int | None:
        """Distance of the lines, where the profile repeats after one or a few of them; ``None`` where it does not."""
        times = round(period / self.distance)
        if times < 1 or abs(period - times * self.distance) > max(OFF * self.distance, 1):
            return None
        return period if times == 1 else round(self.distance)

    def are_spaces(self, se: float) -> bool:
        """Whether each is a space between two lines, as far as the profile, of standard error ``se``, can tell."""
        if min(np.median(np.diff(self.bumps, axis=1)), np.median(self.widths)) < LEAST_WIDTH_PX:
            return False
        return self.dip >= NARROW and (self.flatness > FLAT or self._alike(se))

    def _alike(self, se: float) -> bool:
        """Whether all are: else every second one may be the inside of a line, and the bumps its rims, which peak."""
        if len(self.greys) < FEWEST:
            return False
        unlike, uneven = (float(np.median(np.abs(np.diff(values)))) for values in (self.greys, self.widths))
        return unlike <= max(UNLIKE * self.height, UNLIKE_ERRORS * se) and uneven <= UNEVEN_PX

    def between(self, left: int, right: int) -> int:
        """How many bumps have their middle between two columns."""
        middles = self.bumps.mean(axis=1)
        return int(((middles > left) & (middles < right)).sum())


def _above(level: Values, threshold: float) -> Values:
    """Places between which a profile is above a threshold, left out what its ends cut off: ``(B, 2)``."""
    above = level >= threshold
    after = 1 + np.flatnonzero(above[1:] != above[:-1])
    places = after - (level[after] - threshold) / (level[after] - level[after - 1])
    complete = places[int(above[0]) :]
    return np.asarray(complete[: len(complete) // 2 * 2].reshape(-1, 2))


def _flatness(level: Values, start: float, end: float) -> float:
    inside = np.pad(level[int(start) + 1 : int(end) + 1], 1)
    high = _above(inside, 0.8 * float(inside.max()))
    return float((high[-1, 1] - high[0, 0]) / (end - start))


def _dip(level: Values, start: float, end: float) -> float:
    inside = level[int(start) + 1 : int(end) + 1]
    filled = np.minimum(np.maximum.accumulate(inside), np.maximum.accumulate(inside[::-1])[::-1]) - inside
    deepest = float(filled.max())
    return 1.0 if deepest < LEAST_DIP else float((filled > deepest / 2).sum() / (end - start))


def _middle(smooth: Values, start: float, end: float) -> float:
    third = (end - start) / 3
    places = np.linspace(start + third, end - third, max(round(third), 1) * 4 + 1)
    return float(np.median(np.interp(places, np.arange(len(smooth)), smooth)))
