"""Training samples: crops of simulated scenes, scanned, stabilised as a slightly wrong noise measurement would."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from stages.denoise.conditioning import channels, conditions
from stages.noise import Noise
from stages.simulation.physics import Scan, acquire
from stages.simulation.scenes import scene
from stages.stabilise import Stabiliser
from stages.training.recipe import Recipe

SHARES = {"grains": 0.2, "spheres": 0.24, "lines": 0.16, "holes": 0.14, "texture": 0.14, "manhattan": 0.12}
"""Particles are the hardest and get the largest share."""
LAW_ERROR, MAP_ERROR = 0.06, 0.02
"""Relative errors of a noise measurement: of gain and offset, and of what the network is told."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """``inputs`` ``(B, 4, P, P)``, ``targets`` ``(B, 1, P, P)``, noise ``sigmas`` ``(B,)``: the stabilised domain.

    ``counted`` ``(B, 1, P, P)`` is 1 where a pixel's error counts, else 0.
    """

    inputs: Array
    targets: Array
    sigmas: Array
    counted: Array


Batches = Callable[[int], Batch]
"""The batch of a step: always the same for the same step."""


class ScenePool:
    """The last ``recipe.pool`` scenes of an endless row; which scenes these are follows from the step alone."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._scenes: dict[int, Pixels] = {}

    def at(self, step: int) -> list[Pixels]:
        """Return the scenes that this step draws from, painting those that are missing."""
        first = step // self._recipe.steps_per_scene
        wanted = range(first, first + self._recipe.pool)
        self._scenes = {n: self._scenes[n] if n in self._scenes else self._painted(n) for n in wanted}
        return list(self._scenes.values())

    def _painted(self, number: int) -> Pixels:
        rng = np.random.default_rng([self._recipe.seed, 1, number])
        kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
        return scene(kind, (self._recipe.scene_px, self._recipe.scene_px), rng)


def simulated(recipe: Recipe) -> Batches:
    """Return the batches of a training on simulated scans."""
    pool = ScenePool(recipe)
    return lambda step: batch_at(step, pool=pool, recipe=recipe)


def batch_at(step: int, *, pool: ScenePool, recipe: Recipe) -> Batch:
    """Return the batch of a step: always the same for the same recipe and step."""
    rng = np.random.default_rng([recipe.seed, 2, step])
    scenes = pool.at(step)
    samples = [_sample(scenes[rng.integers(len(scenes))], recipe.patch_px, rng) for _ in range(recipe.batch)]
    inputs, targets, sigmas = zip(*samples, strict=True)
    wanted = np.stack(targets)[:, None]
    return Batch(np.stack(inputs), wanted, np.array(sigmas, np.float32), np.ones_like(wanted))


def _sample(clean: Pixels, side: int, rng: np.random.Generator) -> tuple[Array, Array, float]:
    varied = _varied(_cropped(clean, side, rng), rng)
    scan = Scan.drawn(rng)
    noisy = acquire(varied, scan=scan, rng=rng)
    law = _misjudged(scan.noise, rng)
    stabiliser = Stabiliser.of(law)
    told = conditions(law, stabiliser) * rng.normal(1, MAP_ERROR, 3)
    inputs = channels(stabiliser.forward(noisy), told.astype(np.float32))
    return inputs, stabiliser.expected(varied), stabiliser.sigma


def _cropped(clean: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    top, left = (int(rng.integers(length - side + 1)) for length in clean.shape)
    return clean[top : top + side, left : left + side]


def _varied(clean: Pixels, rng: np.random.Generator) -> Pixels:
    """Turn, mirror, invert and grade a crop; before the noise, whose direction must stay."""
    turned = np.rot90(clean, int(rng.integers(4)))
    mirrored = turned[:, ::-1] if rng.random() < 0.5 else turned
    inverted = 1 - mirrored if rng.random() < 0.12 else mirrored
    graded = inverted ** rng.uniform(0.75, 1.3) * rng.uniform(0.6, 1.35) + rng.uniform(-0.05, 0.05)
    return np.clip(graded, 0.005, 0.99).astype(np.float32)


def _misjudged(law: Noise, rng: np.random.Generator) -> Noise:
    gain, offset = law.gain * rng.normal(1, LAW_ERROR), law.offset * rng.normal(1, LAW_ERROR)
    return replace(law, gain=gain, offset=offset, sigma=(0.4 * gain + offset) ** 0.5)
