"""Groups of like blocks: found, transformed along the group, shrunk, and given back to the blocks' places."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.compiled import compiled
from stages.filter.bm3d.blocks import COEFFICIENTS, SIDE, Floats, Sums

HALF_ROOT = np.float32(0.5**0.5)
LEAST_NOISE = np.float32(1e-6)
"""Least noise power, in units of a pixel's, that a group is taken to keep."""
LOW = 4
"""Frequencies in each direction by which the blocks of an estimate are compared."""

Indices = NDArray[np.int32]


class References(NamedTuple):
    """The blocks around which groups are made, by row and column; ``most`` a group within ``radius_px``."""

    rows: Indices
    columns: Indices
    radius_px: int
    most: int


class Judge(NamedTuple):
    """What counts as noise: its ``level`` as the shrinkage takes it, and what each coefficient has of it, ``(64,)``."""

    level: float
    variances: Floats


class Likest(NamedTuple):
    """The blocks likest to a reference so far, in order: ``places`` ``(n, 2)``, row and column, and ``distances``."""

    places: Indices
    distances: Floats


@compiled
def like_blocks(features: Floats, row: int, column: int, radius: int, likest: Likest) -> int:
    """Find the blocks likest to a reference within ``radius`` in both directions, itself first; return how many.

    Their likeness is the squared distance of their features ``(h, w, n)``.
    """
    height, width, length = features.shape
    places, distances = likest
    most = len(distances)
    reference = features[row, column]
    places[0, 0], places[0, 1], distances[0] = row, column, -1
    found, worst = 1, np.float32(np.inf)
    for y in range(max(0, row - radius), min(height, row + radius + 1)):
        for x in range(max(0, column - radius), min(width, column + radius + 1)):
            distance = np.float32(0)
            for k in range(length):
                difference = reference[k] - features[y, x, k]
                distance += difference * difference
            if distance >= worst or (y == row and x == column):
                continue
            found = min(found + 1, most)
            place = found - 1
            while place > 1 and distances[place - 1] > distance:
                distances[place] = distances[place - 1]
                places[place, 0], places[place, 1] = places[place - 1, 0], places[place - 1, 1]
                place -= 1
            distances[place], places[place, 0], places[place, 1] = distance, y, x
            if found == most:
                worst = distances[most - 1]
    return found


@compiled
def power_of_two(count: int) -> int:
    """Return the largest power of two up to ``count``."""
    power = 1
    while 2 * power <= count:
        power *= 2
    return power


@compiled
def haar(group: Floats, spare: Floats, count: int) -> None:
    """Transform the first ``count`` rows, a power of two, by the orthonormal Haar transform along the group."""
    length = count
    while length > 1:
        half = length // 2
        for n in range(half):
            for k in range(COEFFICIENTS):
                first, second = group[2 * n, k], group[2 * n + 1, k]
                spare[n, k] = (first + second) * HALF_ROOT
                spare[half + n, k] = (first - second) * HALF_ROOT
        for n in range(length):
            for k in range(COEFFICIENTS):
                group[n, k] = spare[n, k]
        length = half


@compiled
def inverse_haar(group: Floats, spare: Floats, count: int) -> None:
    """Undo `haar`."""
    length = 2
    while length <= count:
        half = length // 2
        for n in range(half):
            for k in range(COEFFICIENTS):
                mean, detail = group[n, k], group[half + n, k]
                spare[2 * n, k] = (mean + detail) * HALF_ROOT
                spare[2 * n + 1, k] = (mean - detail) * HALF_ROOT
        for n in range(length):
            for k in range(COEFFICIENTS):
                group[n, k] = spare[n, k]
        length *= 2


@compiled
def gather(blocks: Floats, places: Indices, count: int, group: Floats) -> None:
    """Copy blocks into a group."""
    for n in range(count):
        block = blocks[places[n, 0], places[n, 1]]
        for k in range(COEFFICIENTS):
            group[n, k] = block[k]


@compiled
def give_back(group: Floats, places: Indices, count: int, weight: np.floating, sums: Sums) -> None:
    """Add a group's blocks, weighed, to the sums at their places."""
    for n in range(count):
        y, x = places[n, 0], places[n, 1]
        sums.weights[y, x] += weight
        for k in range(COEFFICIENTS):
            sums.blocks[y, x, k] += weight * group[n, k]


@compiled
def low_frequencies(blocks: Floats) -> Floats:
    """Return a copy of the 16 coefficients of the lowest frequencies, ``(h, w, 16)``."""
    height, width, _ = blocks.shape
    low = np.empty((height, width, LOW * LOW), np.float32)
    for y in range(height):
        for x in range(width):
            for vertical in range(LOW):
                for horizontal in range(LOW):
                    low[y, x, vertical * LOW + horizontal] = blocks[y, x, vertical * SIDE + horizontal]
    return low


@compiled
def threshold_groups(blocks: Floats, references: References, judge: Judge, sums: Sums) -> None:
    """Group around every reference and keep the coefficients above the judge's level; a group's mean stays.

    ``blocks`` ``(h, w, 64)`` are whitened and compared as a whole. A group counts the more, the less noise it keeps.
    """
    most, radius = references.most, references.radius_px
    group, spare = np.empty((most, COEFFICIENTS), np.float32), np.empty((most, COEFFICIENTS), np.float32)
    likest = Likest(np.empty((most, 2), np.int32), np.empty(most, np.float32))
    least = np.float32(judge.level * judge.level)
    for row in references.rows:
        for column in references.columns:
            count = power_of_two(like_blocks(blocks, row, column, radius, likest))
            gather(blocks, likest.places, count, group)
            haar(group, spare, count)
            mean = group[0, 0]
            noise = np.float32(0)
            for n in range(count):
                for k in range(COEFFICIENTS):
                    kept = group[n, k] * group[n, k] >= least
                    group[n, k] = group[n, k] if kept else np.float32(0)
                    noise += judge.variances[k] if kept else np.float32(0)
            if group[0, 0] != mean:
                group[0, 0] = mean
                noise += judge.variances[0]
            inverse_haar(group, spare, count)
            give_back(group, likest.places, count, np.float32(1) / max(noise, LEAST_NOISE), sums)


@compiled
def wiener_groups(blocks: Floats, pilots: Floats, references: References, judge: Judge, sums: Sums) -> None:
    """Group around every reference and shrink by the empirical Wiener factors of the pilot's groups.

    ``pilots`` are the blocks of an estimate, whitened like ``blocks``: their low frequencies are compared. The
    judge's level is the noise power.
    """
    most, radius = references.most, references.radius_px
    group, spare = np.empty((most, COEFFICIENTS), np.float32), np.empty((most, COEFFICIENTS), np.float32)
    pilot = np.empty((most, COEFFICIENTS), np.float32)
    likest = Likest(np.empty((most, 2), np.int32), np.empty(most, np.float32))
    features, power = low_frequencies(pilots), np.float32(judge.level)
    for row in references.rows:
        for column in references.columns:
            count = power_of_two(like_blocks(features, row, column, radius, likest))
            gather(blocks, likest.places, count, group)
            gather(pilots, likest.places, count, pilot)
            haar(group, spare, count)
            haar(pilot, spare, count)
            noise = np.float32(0)
            for n in range(count):
                for k in range(COEFFICIENTS):
                    signal = pilot[n, k] * pilot[n, k]
                    shrink = signal / (signal + power)
                    group[n, k] *= shrink
                    noise += shrink * shrink * judge.variances[k]
            inverse_haar(group, spare, count)
            give_back(group, likest.places, count, np.float32(1) / max(noise, LEAST_NOISE), sums)
