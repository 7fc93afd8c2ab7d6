"""A row of simulated images, as an instrument would write them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from stages.registration import Alignment
from stages.simulation.physics import Scan, acquire
from stages.simulation.scenes import KINDS, scene

FURTHEST_DRIFT_PX = 5.0
"""Along each axis, between the two frames of a field that is scanned twice."""


class SimulatedImage(NamedTuple):
    """An image as the detector would have written it, its truth, and how it was scanned."""

    name: str
    noisy: NDArray[np.uint8]
    clean: Pixels
    scan: Scan


def simulated_images(
    *, images: int, seed: int, size_px: int = 512, kinds: Sequence[str] = KINDS, one_setting: bool = False
) -> Iterator[SimulatedImage]:
    """Yield images of the kinds in turn; the n-th depends on ``seed`` and n alone, however many are asked for.

    With ``one_setting`` all are scanned alike, as ``seed`` draws it: dose, row correlation, jitter and the rest.

    >>> [image.name for image in simulated_images(images=2, seed=7, size_px=16, kinds=("holes", "lines"))]
    ['holes_0001', 'lines_0002']
    """
    setting = Scan.drawn(np.random.default_rng(seed)) if one_setting else None
    for number in range(images):
        yield simulated_image(number, seed=seed, size_px=size_px, kinds=kinds, setting=setting)


def simulated_image(
    number: int, *, seed: int, size_px: int = 512, kinds: Sequence[str] = KINDS, setting: Scan | None = None
) -> SimulatedImage:
    """Make the image of that number, counted from 0, of `simulated_images`; its scan is drawn where none is set."""
    rng = np.random.default_rng([seed, number])
    clean = scene(kinds[number % len(kinds)], (size_px, size_px), rng)
    scan = replace(setting or Scan.drawn(rng), bits=8)
    noisy = np.rint(acquire(clean, scan=scan, rng=rng) * 255).astype(np.uint8)
    return SimulatedImage(name_of(number, kinds), noisy, clean, scan)


def scanned_again(image: SimulatedImage, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a second frame of an image's field, ``(H, W)``: as it was scanned first, after a drift."""
    again = acquire(drifted(image.clean, rng), scan=image.scan, rng=rng)
    return np.asarray(np.rint(again * 255), np.uint8)


def drifted(clean: Pixels, rng: np.random.Generator) -> Pixels:
    """Return what is seen of a field after a drift of up to `FURTHEST_DRIFT_PX`."""
    return Alignment(np.eye(2), rng.uniform(-FURTHEST_DRIFT_PX, FURTHEST_DRIFT_PX, 2)).warp(clean)


def name_of(number: int, kinds: Sequence[str] = KINDS) -> str:
    """Return the name of the image of that number, counted from 0.

    >>> name_of(6)
    'lines_0007'
    """
    return f"{kinds[number % len(kinds)]}_{number + 1:04d}"
