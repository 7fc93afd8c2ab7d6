"""Which parts of a frame are scored: all of a small one, at most a quarter of a large one, in up to four windows."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels

OFF_THE_ENDS = 1.0
"""Standard deviations of noise by which the local mean must keep off the scale's ends for a pixel to be scored."""
WHOLE_FRAME_PX = 192 * 192
"""Frames of up to so many pixels are scored whole."""
SHARE = 0.25
"""Share of a large frame that is scored."""
WINDOW_SIDE_PX = (128, 256)
"""Shortest and longest side of a window."""

Window = tuple[slice, slice]
Mask = NDArray[np.bool_]


def windows_of(shape: tuple[int, ...], rng: np.random.Generator, *, share: float = SHARE) -> Iterator[Window]:
    """Yield the windows of a frame, each anywhere in its own cell of the frame; together about ``share`` of it."""
    area = shape[0] * shape[1]
    if area <= WHOLE_FRAME_PX or share >= 1:
        yield slice(0, shape[0]), slice(0, shape[1])
        return
    scale = (share / SHARE) ** 0.5
    side = int(min(np.clip(area**0.5 / 4, *WINDOW_SIDE_PX), area**0.5 / 2) * scale)
    height, width = min(side, shape[0]), min(side, shape[1])
    count = int(np.clip(area * share / (height * width), 1, 4))
    grid = {1: (1, 1), 2: (2, 1), 3: (3, 1), 4: (2, 2)}[count]
    rows, columns = grid if shape[0] >= shape[1] else grid[::-1]
    for row in range(rows):
        for column in range(columns):
            top, left = _place(row, rows, height, shape[0], rng), _place(column, columns, width, shape[1], rng)
            yield slice(top, top + height), slice(left, left + width)


def _place(cell: int, cells: int, length: int, full: int, rng: np.random.Generator) -> int:
    """Place a window anywhere in its cell of the axis, inside the frame."""
    first, last = cell * full // cells, (cell + 1) * full // cells - length
    return int(np.clip(rng.integers(first, max(first, last) + 1), 0, full - length))


def unclipped(mean: Pixels, variance: Pixels) -> Mask:
    """Where the scale's ends leave most of the noise as it is.

    By regions, never by pixels: leaving out the pixels at the ends would keep the other half of the noise around them.
    A wider berth makes the estimate less biased and blind to bright parts, which costs more: 2 standard deviations lose
    2 dB on frames of noise 0.25.
    """
    berth = OFF_THE_ENDS * np.sqrt(variance)
    return np.asarray((mean > berth) & (mean < 1 - berth))


def block_means(error: Pixels, scored: Mask, grid: tuple[int, int]) -> Iterator[float]:
    """Mean of each block with scored pixels; which blocks have any does not depend on the method."""
    rows, columns = np.flatnonzero(scored.any(axis=1)), np.flatnonzero(scored.any(axis=0))
    for some_rows in np.array_split(rows, grid[0]):
        for some_columns in np.array_split(columns, grid[1]):
            block = np.ix_(some_rows, some_columns)
            if scored[block].any():
                yield float(error[block][scored[block]].mean())
