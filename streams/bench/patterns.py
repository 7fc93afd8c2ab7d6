"""Simulated lines and holes whose dimensions are known: what is measured on them, and what is true."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from schemas.frame import Frame, Pixels
from schemas.image import image_id_of
from stages.metrics.names import Score
from stages.metrics.patterns import HOLES, LINES
from stages.metrology import Holes, Lines
from stages.noise import Noise
from stages.simulation.physics import Scan, acquire
from stages.simulation.scenes import scene
from streams.bench.fields import Sight

LEAST_DOSE, MOST_DOSE = 15.0, 120.0
"""Electrons a pixel."""
SILENT = Noise(1e-4, 0.0, 0.0, (1.0,), 0.0, 0.0, holds=True)
"""The noise of a frame that has none, for what wants to know."""

Deviations = Mapping[Score, float]
"""How far a restoration's dimensions are from the truth, under the names of the scores that estimate them."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """A simulated image of a pattern, and what tells how far a restoration's dimensions are from the truth."""

    recipe: str
    number: int
    sight: Sight
    deviations: Callable[[Pixels], Deviations]


def patterns(recipe: str, *, images: int, seed: int, size_px: int) -> Iterator[Pattern]:
    """Yield so many images of a recipe: every second one with white noise, the others scanned as on an everyday tool.

    Of the simulator's scenes those are left out whose truth cannot be measured: lines at an angle, lines that a bright
    rim hides.
    """
    made, number = 0, 0
    while made < images:
        pattern = _pattern(recipe, number, seed=seed, size_px=size_px)
        number += 1
        if pattern is not None:
            made += 1
            yield pattern


def _pattern(recipe: str, number: int, *, seed: int, size_px: int) -> Pattern | None:
    rng = np.random.default_rng([seed, number, len(recipe)])
    clean = scene(recipe, (size_px, size_px), rng)
    scan = replace(Scan.drawn(rng), dose_e_per_px=float(np.exp(rng.uniform(*np.log([LEAST_DOSE, MOST_DOSE])))), bits=8)
    if number % 2 == 0:
        scan = replace(scan, row_kernel=(1.0,), jitter_px=0.0, flicker=0.0, charging=0.0)
    silent = replace(scan, dose_e_per_px=1e9, read_noise=0.0, excess=0.0, flicker=0.0, bits=0)
    noisy, truth = (acquire(clean, scan=s, rng=np.random.default_rng([seed, number])) for s in (scan, silent))
    deviations = TRUTHS[recipe](truth)
    return None if deviations is None else Pattern(recipe, number, _sight(noisy), deviations)


def _sight(pixels: Pixels) -> Sight:
    sha256 = hashlib.sha256(pixels.tobytes()).hexdigest()
    return Sight(Frame.clipped(pixels), image_id_of(sha256, 0), sha256, pixels.nbytes)


def _of_lines(truth: Pixels) -> Callable[[Pixels], Deviations] | None:
    lines = Lines.of(truth, SILENT)
    if lines is None:
        return None
    return lambda frame: {
        Score.CD_BIAS: lines.cd_bias(frame).value,
        Score.LWR_CHANGE: lines.lwr_px(frame) / lines.lwr_px(truth) - 1,
    }


def _of_holes(truth: Pixels) -> Callable[[Pixels], Deviations] | None:
    holes = Holes.of(truth, SILENT)
    if holes is None:
        return None
    return lambda frame: {
        Score.HOLE_AREA_CHANGE: holes.area_change(frame).value,
        Score.ELLIPTICITY_CHANGE: holes.ellipticity_change(frame).value,
    }


TRUTHS: Mapping[str, Callable[[Pixels], Callable[[Pixels], Deviations] | None]] = MappingProxyType(
    {LINES: _of_lines, HOLES: _of_holes}
)
"""What is measured of a noise-free frame of each recipe: how far any frame's dimensions are from it."""
