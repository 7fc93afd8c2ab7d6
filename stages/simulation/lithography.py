"""Patterned specimens: lines and spaces, contact holes, Manhattan wiring."""

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from stages.simulation.canvas import OVERSAMPLING, Canvas, Grid, edge_bloom, fractal


def rough_edges(
    count: int, length: int, *, sigma_px: float, correlation_px: float, hurst: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Edges with a Palasantzas power spectrum, ``(count, length)``: displacement in pixels, one sample a pixel.

    ``PSD ~ 1 / (1 + (2 pi f xi)^2)^(1/2 + H)``: Palasantzas 1993, Phys. Rev. B 48:14472, in the form used for line
    edge roughness (Mack 2013, J. Micro/Nanolith. MEMS MOEMS 12:033016).
    """
    frequency = np.fft.rfftfreq(length)
    psd = (1 + (2 * np.pi * frequency * correlation_px) ** 2) ** -(0.5 + hurst)
    psd[0] = 0
    phases = np.exp(2j * np.pi * rng.random((count, frequency.size)))
    edges = np.fft.irfft(np.sqrt(psd) * phases, length, axis=1)
    spread = np.maximum(edges.std(axis=1, keepdims=True), 1e-9)
    return np.asarray(sigma_px * edges / spread, np.float32)


def lines(shape: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Resist lines and spaces at any angle (mostly upright), with rough edges and now and then a bridge or a break."""
    canvas = Canvas(shape)
    y, x = canvas.coordinates()
    angle = 0.0 if rng.random() < 0.6 else rng.uniform(0, np.pi)
    across = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    along = -x * np.float32(np.sin(angle)) + y * np.float32(np.cos(angle))
    pitch = rng.uniform(10, 46)
    position = across - across.min() + np.float32(rng.uniform(0, pitch))
    line = (position // pitch).astype(np.intp)
    row = (along - along.min()).astype(np.intp)
    half = 0.5 * pitch * rng.uniform(0.35, 0.62)
    sides = _line_sides(int(line.max()) + 1, int(row.max()) + 2, pitch, half, rng)
    offset = position - (line + np.float32(0.5)) * pitch
    inside = half + np.minimum(offset + sides[0][line, row], sides[1][line, row] - offset)
    return canvas.photographed(_stepped(inside.astype(np.float32), rng), rng)


def _line_sides(
    count: int, length: int, pitch: float, half_px: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    roughness = {
        "sigma_px": min(rng.uniform(0.3, 1.6), 0.08 * pitch),
        "correlation_px": rng.uniform(5, 30),
        "hurst": rng.uniform(0.4, 0.9),
    }
    left, right = (rough_edges(count, length, **roughness, rng=rng) for _ in range(2))
    if rng.random() < 0.3:
        reach = pitch - half_px if rng.random() < 0.5 else -1.2 * half_px
        defect = reach * np.exp(-(((np.arange(length) - rng.integers(length)) / rng.uniform(2, 8)) ** 2))
        which = rng.integers(count)
        left[which] += defect.astype(np.float32)
        right[which] += defect.astype(np.float32)
    return left, right


def _stepped(inside_px: Grid, rng: np.random.Generator) -> Grid:
    """Grey levels of a relief with one step: ``inside_px`` is the signed distance, positive on top."""
    floor = rng.uniform(0.06, 0.32)
    top = floor + rng.uniform(0.08, 0.4)
    bloom = edge_bloom(inside_px, strength=rng.uniform(0.1, 0.4), decay_px=rng.uniform(1.0, 3.2))
    return np.asarray(np.where(inside_px > 0, np.float32(top), np.float32(floor)) + bloom, np.float32)


def holes(shape: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Contact holes on a square or staggered lattice: dark floors, bright rims, sizes and shapes that vary."""
    canvas = Canvas(shape)
    y, x = canvas.coordinates()
    pitch = rng.uniform(14, 48)
    rows, dy = _cells(y / pitch + rng.uniform(0, 1))
    stagger = np.float32(rng.choice([0.0, 0.5])) * (rows % 2)
    columns, dx = _cells(x / pitch + rng.uniform(0, 1) + stagger)
    count = (int(rows.max()) + 1, int(columns.max()) + 1)
    placed = rng.normal(0, 0.012, (2, *count)).astype(np.float32)[:, rows, columns]
    dy, dx = (dy + placed[0]) * pitch, (dx + placed[1]) * (pitch * rng.normal(1, 0.03))
    radius = 0.5 * pitch * rng.uniform(0.45, 0.72) * rng.normal(1, 0.04, count)
    phase = rng.uniform(0, 2 * np.pi, (2, *count)).astype(np.float32)[:, rows, columns]
    outline = radius.astype(np.float32)[rows, columns] * _wobble(np.arctan2(dy, dx), phase)
    inside = outline - np.hypot(dy, dx)
    top, depth = rng.uniform(0.4, 0.65), rng.uniform(0.2, 0.42)
    bloom = edge_bloom(-inside, strength=rng.uniform(0.12, 0.36), decay_px=rng.uniform(1.0, 2.6))
    floor = np.float32(top - depth) + np.float32(0.1) * np.exp(-np.maximum(inside, 0) / 6)
    return canvas.photographed(np.where(inside > 0, floor, np.float32(top)).astype(np.float32) + bloom, rng)


def _cells(position: Grid) -> tuple[NDArray[np.intp], Grid]:
    """Return the lattice cell of every sample and its offset from the cell's centre, in cells."""
    cell = np.floor(position).astype(np.intp)
    return cell, (position - cell - 0.5).astype(np.float32)


def _wobble(angle: Grid, phase: NDArray[np.float32]) -> Grid:
    return np.asarray(1 + 0.03 * np.cos(3 * angle + phase[0]) + 0.02 * np.cos(5 * angle + phase[1]), np.float32)


def manhattan(shape: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Wiring of an integrated circuit: axis-parallel tracks on a routing grid, and vias, with rounded corners."""
    canvas = Canvas(shape)
    width = rng.uniform(4, 14)
    mask = _routed(canvas.filled(0).shape, width * OVERSAMPLING, rng)
    rounding = max(0.22 * width * OVERSAMPLING, 0.8)
    level = cv2.GaussianBlur(mask, (0, 0), rounding) + np.float32(0.03) * fractal(mask.shape, 2.0, rng)
    metal = (level > 0.5).astype(np.uint8)
    inside = _distance(metal) - _distance(1 - metal)
    return canvas.photographed(_stepped(inside, rng), rng)


def _distance(mask: NDArray[np.uint8]) -> Grid:
    if mask.all():
        return np.full(mask.shape, 50, np.float32)
    return np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5), np.float32) / np.float32(OVERSAMPLING)


def _routed(size: tuple[int, int], width: float, rng: np.random.Generator) -> Grid:
    mask = np.zeros(size, np.float32)
    pitch = width * rng.uniform(1.8, 2.6)
    upright = rng.random() < 0.5
    tracks, length = (size[1], size[0]) if upright else size
    for centre in np.arange(rng.uniform(0, pitch), tracks + pitch, pitch).tolist():
        position = -rng.exponential(length / 3)
        while position < length:
            run = rng.exponential(length / 2.5) + 2 * width
            _fill(mask, centre, width, position, run, upright=upright)
            if rng.random() < 0.35:
                _fill(mask, position + width, width, centre, pitch * int(rng.integers(1, 3)), upright=not upright)
            position += run + width * rng.uniform(1, 6)
    return mask


def _fill(mask: Grid, centre: float, width: float, start: float, run: float, *, upright: bool) -> None:
    low, high = max(round(centre - width / 2), 0), max(round(centre + width / 2), 0)
    first, last = max(round(start), 0), max(round(start + run), 0)
    if upright:
        mask[first:last, low:high] = 1
    else:
        mask[low:high, first:last] = 1
