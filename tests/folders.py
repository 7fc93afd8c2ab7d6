"""Folders of small images, and what a run leaves of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from schemas.events import ImageEvent
from streams.summary import Summary

TOYS = 'path = ["tests.toys:Shade", "tests.toys:Pick"]\n'
"""A pipeline file."""

Run = Callable[..., Summary]


def write_images(folder: Path, count: int, *, side: int = 24, first: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        pixels = np.random.default_rng(number).integers(1, 256, (side, side), dtype=np.uint8)
        tifffile.imwrite(folder / f"{number:04d}.tif", pixels)


def events_of(out: Path) -> list[ImageEvent]:
    return [ImageEvent.from_json(line) for line in (out / "events.jsonl").read_bytes().splitlines()]
