"""Noise-free scenes of six kinds of specimen."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from schemas.frame import Pixels
from stages.simulation.lithography import holes, lines, manhattan
from stages.simulation.particles import grains, spheres
from stages.simulation.textures import texture

Painter = Callable[[tuple[int, int], np.random.Generator], Pixels]

PAINTERS: Mapping[str, Painter] = MappingProxyType(
    {
        "lines": lines,
        "holes": holes,
        "grains": grains,
        "spheres": spheres,
        "texture": texture,
        "manhattan": manhattan,
    }
)
KINDS = tuple(PAINTERS)
"""Kinds of specimen that can be simulated."""


def scene(kind: str, shape: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Draw a noise-free frame of one of `KINDS`: ``shape`` (H, W) float32 within ``[0, 1]``; the generator decides all.

    Examples
    --------
    >>> frame = scene("lines", (40, 60), np.random.default_rng(7))
    >>> frame.shape, bool((frame == scene("lines", (40, 60), np.random.default_rng(7))).all())
    ((40, 60), True)
    """
    if kind not in PAINTERS:
        raise ValueError(f"there is no scene {kind!r}; the kinds are {', '.join(KINDS)}")
    return PAINTERS[kind](shape, rng)
