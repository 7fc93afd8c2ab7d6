"""Adaptation of a network to a feed, from its noisy frames alone.

*Recorrupted-to-recorrupted* (Pang et al. 2021, CVPR). In the stabilised domain of a frame's law its noise has one
strength and one row spectrum, whatever the signal, and is close to normal. With ``n`` drawn of it, ``z + αn`` and
``z - n/α`` carry uncorrelated noise, so a network that is to foretell the second from the first learns what it would
learn from a clean target. A draw that is not like the frame's own noise leaves the two correlated, and teaches the
network to keep the noise.

Noise that the ends of the grey scale cut off is lopsided, and no draw is like it: a network learns to keep its dark
side, as dashes in bright parts. Pixels of regions where more than a few are clipped do not count.

Every crop is put twice, with ``n`` and with ``-n``: what scatters most in the gradient, that of ``2/α n f(z)``, is in
both with opposite signs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from stages.denoise.conditioning import channels, conditions
from stages.noise import Noise
from stages.risk import RECORRUPTION
from stages.stabilise import Stabiliser
from stages.training.recipe import Course
from stages.training.samples import Array, Batch, Batches

MOST_SATURATED = 0.05
"""Share of clipped pixels above which a frame is left out: their noise is not what the law says."""

CLIPPED_WITHIN_PX = 12.0
"""Standard deviation of the weight by which clipped pixels are counted around one."""
RARELY_CLIPPED = 0.003
"""Share of them up to which noise is not lopsided: its skewness is -0.02 there, and up to -0.18 from twice that on."""


@dataclass(frozen=True)
class Adaptation(Course):
    """Options of an adaptation; a batch is of ``batch / 2`` crops, each with a draw of noise and with its opposite."""

    patch_px: int = 112
    batch: int = 6
    learning_rate: float = 6e-4
    warm_up_steps: int = 20
    ema: float = 0.98
    total_steps: int = 1750
    """Steps after which the learning rate has reached zero, however long they take."""

    version: ClassVar[int] = 1
    """Raised by hand whenever the same options would give other weights."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.total_steps < 1 or self.batch % 2:
            raise ValueError("total_steps must be positive and batch even")

    def progress(self, step: int, elapsed_s: float) -> float:
        """Return the share of `total_steps` that is done."""
        return min(step / self.total_steps, 1.0)

    def why_not(self, frame: Pixels, law: Noise) -> str | None:
        """Return why nothing can be learned from a frame, if so."""
        if not law.holds:
            return law.why_not
        if law.saturated > MOST_SATURATED:
            return f"{law.saturated:.0%} of its pixels are clipped"
        if min(frame.shape) < self.patch_px:
            return f"its shorter side is {min(frame.shape)} px, less than {self.patch_px}"
        return None


@dataclass(frozen=True, eq=False)
class Stabilised:
    """A frame where its noise has one strength, the law of the noise there, and what a network is told of both."""

    pixels: Pixels
    noise: Noise
    told: NDArray[np.float32]
    """Of the frame with noise added."""
    counted: Array
    """1 where its noise is whole, 0 where too many neighbours are clipped."""

    @classmethod
    def of(cls, frame: Pixels, law: Noise) -> "Stabilised":
        """Stabilise a frame by its law."""
        stabiliser = Stabiliser.of(law)
        sigma = stabiliser.sigma
        noise = replace(law, sigma=sigma, gain=0.0, offset=sigma**2)
        told = conditions(law, stabiliser) * np.array([(1 + RECORRUPTION**2) ** 0.5, 1, 1])
        return cls(stabiliser.forward(frame), noise, told.astype(np.float32), whole_noise(frame))


def whole_noise(frame: Pixels) -> Array:
    """Return 1 where the ends of the grey scale leave the noise of a frame ``(H, W)`` as it is, else 0."""
    clipped = ((frame <= 0) | (frame >= 1)).astype(np.float32)
    share = cv2.GaussianBlur(clipped, (0, 0), CLIPPED_WITHIN_PX)
    return (share <= RARELY_CLIPPED).astype(np.float32)


def recorrupted(frames: Sequence[Pixels], laws: Sequence[Noise], course: Adaptation) -> Batches:
    """Return the batches of an adaptation to frames ``(H, W)`` in ``[0, 1]`` with these noise laws."""
    stabilised = [Stabilised.of(frame, law) for frame, law in zip(frames, laws, strict=True)]

    def batch_at(step: int) -> Batch:
        rng = np.random.default_rng([course.seed, 3, step])
        drawn = [stabilised[rng.integers(len(frames))] for _ in range(course.batch // 2)]
        samples = [sample for frame in drawn for sample in _pair(frame, course.patch_px, rng)]
        inputs, targets, counted = (np.stack(arrays) for arrays in zip(*samples, strict=True))
        sigmas = np.repeat([frame.noise.sigma for frame in drawn], 2).astype(np.float32)
        return Batch(inputs, targets[:, None], sigmas, counted[:, None])

    return batch_at


def _pair(frame: Stabilised, side: int, rng: np.random.Generator) -> list[tuple[Array, Array, Array]]:
    """Recorrupt a crop by a draw and by its opposite."""
    part = _part(frame.pixels.shape, side, rng)
    crop, counted = frame.pixels[part], frame.counted[part]
    draw = frame.noise.draw(crop, rng)
    return [
        (channels(crop + RECORRUPTION * noise, frame.told), crop - noise / np.float32(RECORRUPTION), counted)
        for noise in (draw, -draw)
    ]


def _part(shape: tuple[int, ...], side: int, rng: np.random.Generator) -> tuple[slice, ...]:
    """Choose a square, mirrored either way and never turned: the noise has a direction."""
    starts = [int(rng.integers(length - side + 1)) for length in shape]
    mirrored = rng.choice([False, True], len(shape))
    return tuple(_side(start, side, back) for start, back in zip(starts, mirrored, strict=True))


def _side(start: int, length: int, backwards: bool) -> slice:
    if not backwards:
        return slice(start, start + length)
    return slice(start + length - 1, start - 1 if start else None, -1)
