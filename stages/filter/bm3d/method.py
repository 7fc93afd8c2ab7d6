"""Block-matching and 3-D filtering behind variance stabilisation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from schemas.frame import Pixels
from schemas.model import Positive
from stages.filter.bm3d.blocks import SIDE, Bases, Canvas, Sums, fold, transformed
from stages.filter.bm3d.groups import Indices, Judge, References, threshold_groups, wiener_groups
from stages.filter.bm3d.profiles import PROFILES, Profile, Search
from stages.filter.one_by_one import OneByOne
from stages.noise import Noise
from stages.stabilise import Stabiliser

REFERENCE_ROWS = 12
"""Rows of references that are worked on together: bounds the memory, 1 kB a pixel of a band."""


@dataclass(frozen=True)
class Bm3d(OneByOne):
    """BM3D (Dabov, Foi, Katkovnik, Egiazarian 2007, IEEE Trans. Image Process. 16:2080) in the stabilised domain.

    For noise correlated along rows every coefficient is judged by its own noise power, and blocks are compared by
    whitened coefficients: an unwhitened distance is dominated by the frequencies in which the noise is strong.
    """

    version: ClassVar[int] = 1

    strength: Positive = 1.0
    """Multiplies the standard deviation of the noise that is taken away."""
    profile: Literal["fast", "normal", "best"] = "normal"
    """How much work is done."""

    def restore(self, pixels: Pixels, noise: Noise) -> Pixels:
        """Restore one frame."""
        stabiliser = Stabiliser.of(noise)
        unit = np.float32(max(self.strength, 1e-3) * stabiliser.sigma)
        restored = self._denoised(stabiliser.forward(pixels) / unit, Bases.of(noise), PROFILES[self.profile])
        return stabiliser.inverse(restored * unit)

    def _denoised(self, noisy: Pixels, bases: Bases, profile: Profile) -> Pixels:
        """Take noise of variance 1 out of ``(H, W)`` pixels, both sides 8 or more."""
        return denoised(noisy, bases, profile)


def denoised(noisy: Pixels, bases: Bases, profile: Profile) -> Pixels:
    """Take noise of variance 1 out of ``(H, W)`` pixels, both sides 8 or more."""
    canvas, judge = Canvas.of(noisy.shape), Judge(profile.threshold, bases.variances)
    for top, bottom, references in bands(noisy.shape, profile.basic, together=REFERENCE_ROWS):
        blocks = transformed(noisy[top:bottom], bases)
        sums = Sums.like(blocks)
        threshold_groups(blocks, references, judge, sums)
        fold(sums, bases.vertical, bases.colouring, canvas.band(top, bottom - top))
    return _refined(noisy, canvas.mean(), bases, profile)


def _refined(noisy: Pixels, basic: Pixels, bases: Bases, profile: Profile) -> Pixels:
    canvas, judge = Canvas.of(noisy.shape), Judge(profile.factor, bases.variances)
    for top, bottom, references in bands(noisy.shape, profile.final, together=REFERENCE_ROWS):
        blocks, pilots = transformed(noisy[top:bottom], bases), transformed(basic[top:bottom], bases)
        sums = Sums.like(blocks)
        wiener_groups(blocks, pilots, references, judge, sums)
        fold(sums, bases.vertical, bases.colouring, canvas.band(top, bottom - top))
    return canvas.mean()


def bands(shape: tuple[int, ...], search: Search, *, together: int) -> Iterator[tuple[int, int, References]]:
    """Yield bands of pixel rows, the first and the one beyond the last, and the references of each, counted from it.

    As many rows of references are worked on ``together``.
    """
    height, width = shape
    rows, columns = places(height, search.step_px), places(width, search.step_px)
    for first in range(0, len(rows), together):
        some = rows[first : first + together]
        top = max(0, int(some[0]) - search.radius_px)
        bottom = min(height, int(some[-1]) + search.radius_px + SIDE)
        yield top, bottom, References(some - np.int32(top), columns, search.radius_px, search.most)


def places(length: int, step: int) -> Indices:
    """Return where reference blocks begin; they reach the end, whatever the step."""
    last = length - SIDE
    return np.array([*range(0, last, step), last], np.int32)
