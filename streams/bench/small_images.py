"""Many small images, quickly made and all different."""

import io
from collections.abc import Iterator

import numpy as np
import tifffile

from stages.simulation.series import simulated_images

SIZE_PX = 128
SCENES = 24
"""Scenes drawn; every image is one of them under noise of its own."""


def small_images(images: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and TIFF files of 128 x 128 px."""
    scenes = [image.noisy.astype(np.int16) for image in simulated_images(images=SCENES, seed=7, size_px=SIZE_PX)]
    for number in range(images):
        rng = np.random.default_rng(number)
        noise = np.rint(rng.normal(0, 6, (SIZE_PX, SIZE_PX))).astype(np.int16)
        file = io.BytesIO()
        levels = np.clip(scenes[number % SCENES] + noise, 0, 255).astype(np.uint8)
        tifffile.imwrite(file, levels, photometric="minisblack", metadata=None)
        yield f"{number:05d}.tif", file.getvalue()
