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

*Noise2Noise* (Lehtinen et al. 2018, ICML), where there is a second frame of the same field: each frame is foretold from
the other, with the noise that they have, and none needs to be drawn. What a network is to foretell is brought onto the
grid of what it is shown in the stabilised domain, where the mean is what it learns; interpolated noise stays noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from stages.denoise.conditioning import channels, conditions
from stages.noise import Noise
from stages.registration import Alignment, Floats
from stages.risk import RECORRUPTION
from stages.second_frame import SecondFrame, shown
from stages.stabilise import Stabiliser
from stages.training.recipe import Course, check_positive
from stages.training.samples import Array, Batch, Batches
from stages.windows import Mask

MOST_SATURATED = 0.05
"""Share of clipped pixels above which a frame is left out: their noise is not what the law says."""

CLIPPED_WITHIN_PX = 12.0
"""Standard deviation of the weight by which clipped pixels are counted around one."""
RARELY_CLIPPED = 0.003
"""Share of them up to which noise is not lopsided: its skewness is -0.02 there, and up to -0.18 from twice that on."""


@dataclass(frozen=True)
class Adaptation(Course):
    """Options of an adaptation; a batch is of ``batch / 2`` frames, two samples of each."""

    patch_px: int = 112
    batch: int = 6
    learning_rate: float = 6e-4
    warm_up_steps: int = 20
    ema: float = 0.98
    total_steps: int = 1750
    """Steps after which the learning rate has reached zero, however long they take."""

    version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(total_steps=self.total_steps)
        if self.batch % 2:
            raise ValueError(f"batch is {self.batch}; it must be even: each frame gives two samples")

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


Sample = tuple[Array, Array, Mask]
"""What a network is shown ``(4, P, P)``, what it is to foretell ``(P, P)``, and which of that counts."""


class Lesson(Protocol):
    """What a network can learn from."""

    @property
    def sigma(self) -> float:
        """Standard deviation of its noise in the stabilised domain."""

    def samples(self, side: int, rng: np.random.Generator) -> tuple[Sample, Sample]:
        """Draw two samples of crops ``(side, side)``."""


@dataclass(frozen=True, eq=False)
class OneFrame:
    """A frame where its noise has one strength, the law of the noise there, and what a network is told of both."""

    pixels: Pixels
    noise: Noise
    told: NDArray[np.float32]
    """Of the frame with noise added."""
    counted: Mask
    """Where its noise is whole: not where too many neighbours are clipped."""

    @classmethod
    def of(cls, frame: Pixels, law: Noise) -> "OneFrame":
        """Stabilise a frame ``(H, W)`` in ``[0, 1]`` by its law."""
        stabiliser = Stabiliser.of(law)
        sigma = stabiliser.sigma
        noise = replace(law, sigma=sigma, gain=0.0, offset=sigma**2)
        told = conditions(law, stabiliser) * np.array([(1 + RECORRUPTION**2) ** 0.5, 1, 1])
        return cls(stabiliser.forward(frame), noise, told.astype(np.float32), whole_noise(frame))

    @property
    def sigma(self) -> float:
        """Standard deviation of its noise, before more is added."""
        return self.noise.sigma

    def samples(self, side: int, rng: np.random.Generator) -> tuple[Sample, Sample]:
        """Recorrupt a crop by a draw of noise and by its opposite."""
        part = _part(self.pixels.shape, side, rng)
        crop, counted = self.pixels[part], self.counted[part]
        draw = self.noise.draw(crop, rng)
        return self._sample(crop, draw, counted), self._sample(crop, -draw, counted)

    def _sample(self, crop: Pixels, noise: Pixels, counted: Mask) -> Sample:
        return channels(crop + RECORRUPTION * noise, self.told), crop - noise / np.float32(RECORRUPTION), counted


@dataclass(frozen=True, eq=False)
class Partner:
    """A second frame that fits a first one, as it was written, and how the two lie."""

    pixels: Pixels
    law: Noise
    drift: tuple[float, float]
    brighter: float

    @classmethod
    def of(cls, second: Pixels, found: SecondFrame) -> "Partner":
        """Return what is needed of a second frame that was found to fit."""
        return cls(second, found.noise, found.drift, found.brighter)


@dataclass(frozen=True, eq=False)
class Way:
    """A frame to be shown, and the other one to be foretold, stabilised by the law of the first."""

    pixels: Pixels
    other: Pixels
    told: NDArray[np.float32]
    counted: Mask
    """What both show, where the noise of both is whole."""
    sigma: float

    @classmethod
    def of(cls, frame: Pixels, law: Noise, other: Pixels, drift: Floats, brighter: float) -> "Way":
        """Bring the other frame, ``brighter`` and its content ``drift`` further, onto the first."""
        stabiliser = Stabiliser.of(law)
        back = Alignment(np.eye(2), -drift)
        whole = back.warp(whole_noise(other).astype(np.float32)) > 0.5
        return cls(
            stabiliser.forward(frame),
            back.warp(stabiliser.forward(other - np.float32(brighter))),
            conditions(law, stabiliser),
            whole_noise(frame) & whole & shown(frame.shape, drift),
            stabiliser.sigma,
        )

    def sample(self, side: int, rng: np.random.Generator) -> Sample:
        """Draw a crop."""
        part = _part(self.pixels.shape, side, rng)
        return channels(self.pixels[part], self.told), self.other[part], self.counted[part]


@dataclass(frozen=True, eq=False)
class TwoFrames:
    """Two frames of one field, each to be foretold from the other."""

    there: Way
    back: Way

    @classmethod
    def of(cls, frame: Pixels, law: Noise, partner: Partner) -> "TwoFrames":
        """Prepare both ways of a frame ``(H, W)`` in ``[0, 1]`` and its second one."""
        drift, brighter = np.array(partner.drift), partner.brighter
        return cls(
            Way.of(frame, law, partner.pixels, drift, brighter),
            Way.of(partner.pixels, partner.law, frame, -drift, -brighter),
        )

    @property
    def sigma(self) -> float:
        """Standard deviation of the noise; both frames are of one setting."""
        return (self.there.sigma + self.back.sigma) / 2

    def samples(self, side: int, rng: np.random.Generator) -> tuple[Sample, Sample]:
        """Draw a crop of either way."""
        return self.there.sample(side, rng), self.back.sample(side, rng)


def whole_noise(frame: Pixels) -> Mask:
    """Return where the ends of the grey scale leave the noise of a frame ``(H, W)`` as it is."""
    clipped = ((frame <= 0) | (frame >= 1)).astype(np.float32)
    share = cv2.GaussianBlur(clipped, (0, 0), CLIPPED_WITHIN_PX)
    return np.asarray(share <= RARELY_CLIPPED)


def lessons(given: Sequence[Lesson], course: Adaptation) -> Batches:
    """Return the batches of an adaptation: crops of what is given, drawn by the seed and the step alone."""

    def batch_at(step: int) -> Batch:
        rng = np.random.default_rng([course.seed, 3, step])
        drawn = [given[int(rng.integers(len(given)))] for _ in range(course.batch // 2)]
        samples = [sample for lesson in drawn for sample in lesson.samples(course.patch_px, rng)]
        inputs, targets, counted = (np.stack(arrays) for arrays in zip(*samples, strict=True))
        sigmas = np.repeat([lesson.sigma for lesson in drawn], 2).astype(np.float32)
        return Batch(inputs, targets[:, None], sigmas, counted[:, None].astype(np.float32))

    return batch_at


def _part(shape: tuple[int, ...], side: int, rng: np.random.Generator) -> tuple[slice, ...]:
    """Choose a square, mirrored either way and never turned: the noise has a direction."""
    starts = [int(rng.integers(length - side + 1)) for length in shape]
    mirrored = rng.choice([False, True], len(shape))
    return tuple(_side(start, side, back) for start, back in zip(starts, mirrored, strict=True))


def _side(start: int, length: int, backwards: bool) -> slice:
    if not backwards:
        return slice(start, start + length)
    return slice(start + length - 1, start - 1 if start else None, -1)
