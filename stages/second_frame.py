"""A second frame of the same field, brought onto the first: an independent witness of what the specimen is.

The second frame is interpolated, not what is judged by it: resampling a restoration would smooth what is left of its
noise, and make the noisiest of them look better than they are. What interpolation does to the noise is known exactly
instead: for a shift its weights are the same everywhere, so the variance is multiplied by one number, the sum over the
weights and the noise's autocorrelation along a row. What it does to the specimen is the same for all candidates.
"""

from dataclasses import dataclass

import numpy as np

from schemas.frame import Pixels
from schemas.prior import Prior
from stages.drift import Drift, Floats, Laws, drift_between
from stages.frame_law import law_of
from stages.noise import Noise, local_mean
from stages.registration import Alignment
from stages.windows import Mask, Window, unclipped

SECOND = "second"
"""Name of the frame that is another scan of the same field."""
SPLINE_PX = 2
"""Along the sides of what the second frame shows, left out: there splines see nothing beyond."""
LEAST_COVERED = 0.5
"""Share of the first frame that the second must show."""
FEWEST_DIFFERENCES = 0.8
"""Share of what two independent noises differ by, below which the frames share some of their noise."""
MOST_DIFFERENCES = 2.0
"""Multiple of the same, above which the frames show different things."""
KERNEL_PX = 41
"""Side of the patch in which the weights of an interpolation are measured."""
UNTOLD = (
    "the two frames show too little through their noise to tell how far the stage drifted: scan them longer, or a "
    "field with more to see"
)


@dataclass(frozen=True, eq=False)
class SecondFrame:
    """A second frame on the first one's grid, as bright as that on average; arrays are ``(H, W)``."""

    pixels: Pixels
    variance: Pixels
    """Of the noise in ``pixels``, interpolation counted in."""
    covered: Mask
    """What the second frame shows of the first one's field."""
    scored: Mask
    """Of that, where neither frame is clipped."""
    noise: Noise
    """Law of the second frame as it was written."""
    drift: tuple[float, float]
    """How far ``(y, x)`` in pixels the content moved from the first frame to the second."""
    brighter: float
    """By how much the second frame was brighter on average, which ``pixels`` is no more."""

    def averaged_with(self, first: Pixels, window: Window = np.s_[:, :]) -> Pixels:
        """Return the mean of both frames in a window, and the first where the second shows nothing."""
        mean = (first + self.pixels[window]) / 2
        return np.asarray(np.where(self.covered[window], mean, first), np.float32)


@dataclass(frozen=True)
class Unusable:
    """A second frame that cannot tell of the first, and why."""

    why_not: str


def second_frame_of(first: Pixels, second: Pixels, noise: Noise, prior: Prior | None = None) -> SecondFrame | Unusable:
    """Bring a second frame onto the first, whose noise law is given, and see whether the two fit.

    They do where their difference has the variance of two independent noises. Less means that they share noise: a copy,
    or frames of a running average. More means that they show different things. Where they show too little to tell how
    far the stage drifted, what one frame shows would be looked for at another place of the other.

    Parameters
    ----------
    first, second
        ``(H, W)`` float32 in ``[0, 1]`` of one scale.
    noise
        Law of the first frame.
    prior
        The feed's, for the law of the second frame as for that of the first.
    """
    if second.shape != first.shape:
        return Unusable(f"the second frame is {_size(second)} px, the first {_size(first)}")
    law = law_of(second, prior)
    if not law.holds:
        return Unusable(f"the noise of the second frame cannot be described: {law.why_not}")
    drift = drift_between(first, second, (noise, law))
    found = _brought(first, second, (noise, law), drift.by)
    if found.covered.mean() < LEAST_COVERED:
        return Unusable(f"the second frame shows {found.covered.mean():.0%} of the first one's field, or another one")
    differences = np.square(first - found.pixels)[found.scored].mean(dtype=np.float64)
    explained = (noise.variance(local_mean(first)) + found.variance)[found.scored].mean(dtype=np.float64)
    return _why_not(float(differences / explained), drift) or found


def _brought(first: Pixels, second: Pixels, laws: Laws, drift: Floats) -> SecondFrame:
    noise, law = laws
    pixels = Alignment(np.eye(2), -drift).warp(second)
    covered = shown(first.shape, drift)
    ours, theirs = local_mean(first), local_mean(pixels)
    fair = covered & unclipped(ours, noise.variance(ours)) & unclipped(theirs, law.variance(theirs))
    scored = fair if fair.any() else covered
    brighter = pixels[scored].mean(dtype=np.float64) - first[scored].mean(dtype=np.float64) if scored.any() else 0.0
    return SecondFrame(
        pixels=np.asarray(pixels - np.float32(brighter), np.float32),
        variance=np.asarray(law.variance(theirs) * np.float32(noise_kept(drift, law)), np.float32),
        covered=covered,
        scored=scored,
        noise=law,
        drift=(float(drift[0]), float(drift[1])),
        brighter=float(brighter),
    )


def noise_kept(drift: Floats, noise: Noise) -> float:
    """Share of the noise variance that interpolation for a drift leaves.

    >>> from stages.noise import Noise, local_mean
    >>> white = Noise(0.1, 0.0, 0.01, (1.0,), 0.0, 0.0, holds=True)
    >>> round(noise_kept(np.array([2.0, -1.0]), white), 3), round(noise_kept(np.array([0.5, 0.0]), white), 2)
    (1.0, 0.76)
    """
    impulse = np.zeros((KERNEL_PX, KERNEL_PX), np.float32)
    impulse[KERNEL_PX // 2, KERNEL_PX // 2] = 1
    weights = Alignment(np.eye(2), drift - np.rint(drift)).warp(impulse).astype(np.float64)
    kept = float(np.square(weights).sum())
    for lag, correlation in enumerate(noise.row_acf[1:], start=1):
        kept += 2 * correlation * float((weights[:, lag:] * weights[:, :-lag]).sum())
    return kept


def shown(shape: tuple[int, ...], drift: Floats) -> Mask:
    """Return where a frame's points lie inside the other, ``drift`` away, off its sides by what splines reach."""
    sides = [np.arange(length) + by for length, by in zip(shape, drift, strict=True)]
    inside = [
        (side >= margin) & (side <= length - 1 - margin)
        for side, length, margin in zip(sides, shape, np.where(drift == np.rint(drift), 0, SPLINE_PX), strict=True)
    ]
    return np.asarray(inside[0][:, None] & inside[1])


def _why_not(ratio: float, drift: Drift) -> Unusable | None:
    if ratio < FEWEST_DIFFERENCES:
        return Unusable(f"the two frames differ by {ratio:.0%} of their noise: a copy, or frames of a running average")
    if ratio > MOST_DIFFERENCES:
        return Unusable(f"the two frames differ by {ratio:.2g} times their noise: they do not show the same")
    return None if drift.told else Unusable(UNTOLD)


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"
