"""Adaptation of a network to a feed, from its noisy frames alone.

*Recorrupted-to-recorrupted* (Pang et al. 2021, CVPR). In the stabilised domain of a frame's law its noise has one
strength and one row spectrum, whatever the signal, and is close to normal. With ``n`` drawn of it, ``z + αn`` and
``z - n/α`` carry uncorrelated noise, so a network that is to foretell the second from the first learns what it would
learn from a clean target. A draw that is not like the frame's own noise leaves the two correlated, and teaches the
network to keep the noise.

Every crop is put twice, with ``n`` and with ``-n``: what scatters most in the gradient, that of ``2/α n f(z)``, is in
both with opposite signs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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

    @classmethod
    def of(cls, frame: Pixels, law: Noise) -> "Stabilised":
        """Stabilise a frame by its law."""
        stabiliser = Stabiliser.of(law)
        sigma = stabiliser.sigma
        noise = replace(law, sigma=sigma, gain=0.0, offset=sigma**2)
        told = conditions(law, stabiliser) * np.array([(1 + RECORRUPTION**2) ** 0.5, 1, 1])
        return cls(stabiliser.forward(frame), noise, told.astype(np.float32))


def recorrupted(frames: Sequence[Pixels], laws: Sequence[Noise], course: Adaptation) -> Batches:
    """Return the batches of an adaptation to frames ``(H, W)`` in ``[0, 1]`` with these noise laws."""
    stabilised = [Stabilised.of(frame, law) for frame, law in zip(frames, laws, strict=True)]

    def batch_at(step: int) -> Batch:
        rng = np.random.default_rng([course.seed, 3, step])
        pairs = [_pair(stabilised[rng.integers(len(frames))], course.patch_px, rng) for _ in range(course.batch // 2)]
        inputs, targets, sigmas = zip(*(sample for pair in pairs for sample in pair), strict=True)
        return Batch(np.stack(inputs), np.stack(targets)[:, None], np.array(sigmas, np.float32))

    return batch_at


def _pair(frame: Stabilised, side: int, rng: np.random.Generator) -> list[tuple[Array, Array, float]]:
    """Recorrupt a crop by a draw and by its opposite."""
    crop = _mirrored(_cropped(frame.pixels, side, rng), rng)
    draw = frame.noise.draw(crop, rng)
    return [
        (channels(crop + RECORRUPTION * noise, frame.told), crop - noise / np.float32(RECORRUPTION), frame.noise.sigma)
        for noise in (draw, -draw)
    ]


def _cropped(pixels: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    top, left = (int(rng.integers(length - side + 1)) for length in pixels.shape)
    return pixels[top : top + side, left : left + side]


def _mirrored(crop: Pixels, rng: np.random.Generator) -> Pixels:
    """Mirror a crop either way, never turn it: the noise has a direction."""
    vertical, horizontal = rng.choice([1, -1], 2)
    return crop[::vertical, ::horizontal]
