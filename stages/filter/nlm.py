"""Non-local means whose idea of "alike" knows how the noise is correlated along rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import cv2
import numpy as np
from pydantic import Field

from schemas.frame import Pixels
from schemas.model import Positive
from stages.filter.one_by_one import OneByOne
from stages.noise import Noise
from stages.stabilise import Stabiliser

TOLERANCE, DECAY = 0.7, 1.2
"""Where weights begin to fall, and how fast: standard deviations of the distance between patches of the same scene."""
USUAL_SIGMA = 0.053
"""Noise, in the stabilised domain, at which both are right."""
LENIENCE = (0.65, 2.6)
"""Least and greatest factor on both, which grows as sigma falls (power 2/3, measured from 15 to 1500 electrons)."""


@dataclass(frozen=True)
class NonLocalMeans(OneByOne):
    """Non-local means (Buades, Coll, Morel 2005) in the stabilised domain.

    Two patches of the same scene differ by noise alone: their mean squared distance is twice the noise variance, less
    where an offset along the row lets them share noise, and it scatters more the more the noise is correlated. Weights
    are 1 up to that distance and a little beyond, and fall exponentially from there. Weak noise leaves small
    differences between scenes visible: to find like patches at all, more of them must be forgiven.
    """

    version: ClassVar[int] = 1

    strength: Positive = 1.0
    """Multiplies what counts as the scatter of distances."""
    patch_px: Annotated[int, Field(ge=1, le=31)] = 7
    """Side of a patch, odd."""
    reach_px: Annotated[int, Field(ge=1, le=32)] = 8
    """How far away patches are sought."""

    def __post_init__(self) -> None:
        if self.patch_px % 2 == 0:
            raise ValueError(f"patch_px is {self.patch_px}: it should be odd, such as {self.patch_px + 1}")

    def restore(self, pixels: Pixels, noise: Noise) -> Pixels:
        """Restore one frame."""
        stabiliser = Stabiliser.of(noise)
        unit = stabiliser.forward(pixels) / np.float32(stabiliser.sigma)
        lenience = float(np.clip((USUAL_SIGMA / stabiliser.sigma) ** (2 / 3), *LENIENCE))
        scatter = max(self.strength, 1e-3) * lenience * _scatter(noise.row_acf, self.patch_px)
        return stabiliser.inverse(self._averaged(unit, noise.row_acf, scatter) * np.float32(stabiliser.sigma))

    def _averaged(self, unit: Pixels, row_acf: tuple[float, ...], scatter: float) -> Pixels:
        """Average over like patches where the noise has variance 1; each pair of pixels is weighed once."""
        reach = self.reach_px
        framed = np.asarray(cv2.copyMakeBorder(unit, reach, reach, reach, reach, cv2.BORDER_REFLECT), np.float32)
        total, weight = np.zeros_like(framed), np.zeros_like(framed)
        for down, right in self._offsets():
            here, there = _overlap(down, right)
            alike = 2 * (1 - _correlation(row_acf, down, right)) + TOLERANCE * scatter
            weights = self._weights(framed[here], framed[there], alike, DECAY * scatter)
            total[here] += weights * framed[there]
            total[there] += weights * framed[here]
            weight[here] += weights
            weight[there] += weights
        inner = (slice(reach, -reach), slice(reach, -reach))
        return np.asarray((total[inner] + unit) / (weight[inner] + 1))

    def _offsets(self) -> Iterator[tuple[int, int]]:
        """Yield one of each two opposite offsets, (down, right)."""
        for down in range(self.reach_px + 1):
            for right in range(-self.reach_px if down else 1, self.reach_px + 1):
                yield down, right

    def _weights(self, first: Pixels, second: Pixels, alike: float, decay: float) -> Pixels:
        squares = cv2.absdiff(first, second)
        cv2.multiply(squares, squares, squares)
        distance = cv2.boxFilter(squares, -1, (self.patch_px, self.patch_px), borderType=cv2.BORDER_REFLECT)
        exponent = np.clip((alike - distance) / np.float32(decay), -20, 0)
        return np.asarray(cv2.exp(exponent), np.float32)


def _overlap(down: int, right: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return where a frame and the frame moved by an offset overlap, in both."""
    here = (slice(None, -down or None), slice(max(0, -right), -max(0, right) or None))
    there = (slice(down, None), slice(max(0, right), -max(0, -right) or None))
    return here, there


def _correlation(row_acf: tuple[float, ...], down: int, right: int) -> float:
    return row_acf[abs(right)] if down == 0 and abs(right) < len(row_acf) else 0.0


def _scatter(row_acf: tuple[float, ...], patch_px: int) -> float:
    """Standard deviation of the mean squared distance of two patches that differ by noise of variance 1 alone."""
    inflation = 1 + 2 * sum((1 - lag / patch_px) * value**2 for lag, value in enumerate(row_acf) if 0 < lag < patch_px)
    return float((8 * inflation) ** 0.5 / patch_px)
