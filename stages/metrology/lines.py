"""Critical dimension and line width roughness of lines and spaces: the raw frame's, and what a restoration changed.

Noise moves single edges, so that the roughness of a raw frame, as measured, is more than the specimen's. Two things are
compared that noise does not move: the width from the *ensemble profile*, the frame averaged along its lines, and the
*covariance* of the widths of cross-sections that share no noise.
"""

from dataclasses import dataclass, replace

import numpy as np

from schemas.frame import Pixels
from stages.metrology.change import BLOCKS, Change, Values, without_each
from stages.metrology.profile import Edges, widths
from stages.metrology.upright import Uprighting, block_sums
from stages.noise import ROWS_INDEPENDENT_BELOW, Noise

LEAST_SIDE_PX, MOST_SIDE_PX = 64, 32_000
"""OpenCV shears no larger frames."""
ROWS_AT_ONCE = 512
MOST_SATURATED = 0.25
"""Share of clipped pixels beyond which nothing is measured."""
DOUBT_PX = 30.0
"""Error of the raw frame's width, times the square of the share of clipped pixels: 0.3 px were seen at 0.1."""
LEAST_COVARIANCE = 3.0
"""Covariance of the raw frame's widths, in standard errors, below which its roughness cannot be told from none."""


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of a raw frame, to compare its restorations with."""

    upright: Uprighting
    edges: Edges
    template: Values
    """How a cross-section's grey levels in each edge's columns are weighted to tell the edge's displacement."""
    lag: int | None
    """Distance of cross-sections that share no noise; ``None`` where none is known."""
    profiles: Values
    """Ensemble profiles of the raw frame: ``(1 + BLOCKS, W)``, of everything and of everything but one block."""
    saturated: float
    covariance: Values
    """Covariances of the raw frame's widths at `lag`, of everything and of everything but one block."""

    @classmethod
    def of(cls, raw: Pixels, noise: Noise) -> "Lines | None":
        """Find the lines of a raw frame; ``None`` where there are none that can be measured."""
        if not LEAST_SIDE_PX <= min(raw.shape) <= max(raw.shape) <= MOST_SIDE_PX or noise.saturated > MOST_SATURATED:
            return None
        upright = Uprighting.of(raw)
        if upright is None:
            return None
        straight = upright(raw)
        profiles = _profiles(straight)
        edges = Edges.of(profiles[0], noise.sigma / len(straight) ** 0.5)
        if edges is None:
            return None
        slope = _slopes(profiles[0], edges)
        template = np.maximum(slope, 0)
        bare = cls(upright, edges, template, _lag(noise, level=upright.level), profiles, noise.saturated, np.zeros(0))
        return replace(bare, covariance=bare.covariances(straight, profiles[0], bare.lag or 1))

    def cd_px(self, frame: Pixels) -> float:
        """Mean width of the lines, from the ensemble profile."""
        return float(widths(self.edges.positions(_profiles(self.upright(frame))[:1])).mean())

    def cd_bias(self, frame: Pixels) -> Change:
        """Mean width of the lines of a restoration minus that of the raw frame, in pixels."""
        positions = [self.edges.positions(profiles) for profiles in (_profiles(self.upright(frame)), self.profiles)]
        wider = (widths(positions[0]) - widths(positions[1])).mean(axis=1)
        return Change.jackknifed(wider[0], wider[1:]).doubted(DOUBT_PX * self.saturated**2)

    def lwr_px(self, frame: Pixels) -> float:
        """Line width roughness as measured, 3 sigma in pixels: of a raw frame far more than the specimen's."""
        straight = self.upright(frame)
        displaced = self._displaced(straight, straight.mean(axis=0, dtype=np.float64))
        return 3 * float(displaced.std(axis=0).mean())

    def lwr_change(self, frame: Pixels) -> Change | None:
        """Relative change of the roughness of a restoration, by the covariance of widths that share no noise."""
        if self.lag is None:
            return None
        straight = self.upright(frame)
        own = self.covariances(straight, straight.mean(axis=0, dtype=np.float64), self.lag)
        raw = Change.jackknifed(self.covariance[0], self.covariance[1:])
        if raw.value < LEAST_COVARIANCE * raw.se or self.covariance.min() <= 0:
            return None
        ratio = np.sqrt(np.maximum(own, 0) / self.covariance) - 1
        return Change.jackknifed(ratio[0], ratio[1:])

    def covariances(self, straight: Pixels, profile: Values, lag: int) -> Values:
        """Covariance of the lines' widths in cross-sections ``lag`` apart, of everything and without each block."""
        displaced = self._displaced(straight, profile)
        products = (displaced[lag:] * displaced[:-lag]).mean(axis=1)
        starts = np.linspace(0, len(products), BLOCKS + 1).astype(int)
        sums, counts = np.add.reduceat(products, starts[:-1]), np.diff(starts).astype(np.float64)
        return np.concatenate([[products.mean()], without_each(sums, counts)])

    def _displaced(self, straight: Pixels, profile: Values) -> Values:
        """How much wider each line is in each cross-section than on average: ``(H, L)``.

        The displacement of an edge is what the difference between a cross-section and the profile has in common with
        the profile's slope: linear in the grey levels, so that noise adds to it and does not bias it.
        """
        columns = self.edges.columns
        scale = (self.template * _slopes(profile, self.edges)).sum(axis=1)
        weights = self.template / np.where(scale > 0, scale, np.inf)[:, None]
        mean = (profile[columns] * weights).sum(axis=1)
        parts = (straight[top : top + ROWS_AT_ONCE] for top in range(0, len(straight), ROWS_AT_ONCE))
        moved = np.concatenate([np.einsum("hec,ec->he", part[:, columns], weights) for part in parts]) - mean
        return np.asarray(moved[:, 0::2] + moved[:, 1::2], np.float64)


def _lag(noise: Noise, *, level: bool) -> int | None:
    """Rows share no noise, columns none beyond the row correlation; rows that are correlated after all are no help."""
    if level:
        return len(noise.row_acf)
    return None if noise.column_lag1 > ROWS_INDEPENDENT_BELOW else 1


def _profiles(straight: Pixels) -> Values:
    sums, counts = block_sums(straight)
    return np.concatenate([sums.sum(axis=0)[None] / counts.sum(), without_each(sums, counts)])


def _slopes(profile: Values, edges: Edges) -> Values:
    """Slope of a profile in each edge's columns, positive from the space into the line: ``(2 L, C)``."""
    return np.asarray(np.gradient(profile)[edges.columns] * -edges.outwards[:, None])
