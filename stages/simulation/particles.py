"""Particles: polycrystals and agglomerates (grains), and metal spheres on carbon, on which microscopes are tested."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from schemas.frame import Pixels
from stages.simulation.canvas import OVERSAMPLING, Canvas, Grid, edge_bloom, fractal


def grains(shape: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Either particles lying on each other, with bright rims, or a polycrystal with grooves between its grains."""
    return _agglomerate(shape, rng) if rng.random() < 0.65 else _polycrystal(shape, rng)


def _polycrystal(shape: tuple[int, int], rng: np.random.Generator) -> Pixels:
    canvas = Canvas(shape)
    y, x = canvas.coordinates()
    margin, size = 20, rng.uniform(6, 36)
    count = max(int((shape[0] + 2 * margin) * (shape[1] + 2 * margin) / size**2), 2)
    seeds = rng.uniform(-margin, np.array(shape) + margin, (count, 2))
    bent = np.float32(0.15 * size) * fractal((2 * y.shape[0], y.shape[1]), 3.0, rng).reshape(2, *y.shape)
    distances, nearest = cKDTree(seeds).query(np.stack([y + bent[0], x + bent[1]], -1), k=2)
    inside = (0.5 * (distances[..., 1] - distances[..., 0])).astype(np.float32)
    greys = np.clip(rng.normal(rng.uniform(0.3, 0.55), rng.uniform(0.03, 0.12), count), 0.1, 0.85)
    groove = rng.uniform(-0.3, 0.3) * np.exp(-inside / np.float32(rng.uniform(0.6, 1.8)))
    return canvas.photographed((greys[nearest[..., 0]] + groove).astype(np.float32), rng)


def _agglomerate(shape: tuple[int, int], rng: np.random.Generator) -> Pixels:
    canvas = Canvas(shape)
    samples = canvas.filled(rng.uniform(0.06, 0.22))
    y, x = canvas.coordinates()
    typical, spread, body = rng.uniform(2.0, 6.0), rng.uniform(0.3, 0.8), rng.uniform(0.24, 0.42)
    count = int(rng.uniform(0.1, 0.45) * shape[0] * shape[1] / typical**2) + 1
    radii = np.clip(typical * rng.lognormal(0, spread, count), 1.2, 30)
    centres = rng.uniform(-5, np.array(shape) + 5, (count, 2))
    for radius, (cy, cx) in zip(radii, centres, strict=True):
        box = _box(cy, cx, 1.3 * radius, samples.shape)
        dy, dx = y[box] - np.float32(cy), x[box] - np.float32(cx)
        inside = np.float32(radius) * _outline(dy, dx, rng) - np.hypot(dy, dx)
        grey = body + 0.12 * rng.random() + rng.uniform(0.15, 0.35) * np.exp(-inside / (0.5 + 0.18 * radius))
        samples[box] = np.where(inside > 0, grey, samples[box])
    return canvas.photographed(samples, rng)


def _outline(dy: Grid, dx: Grid, rng: np.random.Generator) -> Grid:
    angle = np.arctan2(dy, dx)
    phase = rng.uniform(0, 2 * np.pi, 3)
    wobble = (
        0.06 * np.cos(2 * angle + phase[0]) + 0.05 * np.cos(3 * angle + phase[1]) + 0.03 * np.cos(7 * angle + phase[2])
    )
    return np.asarray(1 + wobble, np.float32)


def _box(cy: float, cx: float, reach: float, size: tuple[int, ...]) -> tuple[slice, slice]:
    return _span(cy, reach, size[0]), _span(cx, reach, size[1])


def _span(centre: float, reach: float, length: int) -> slice:
    first, last = int((centre - reach) * OVERSAMPLING), int((centre + reach) * OVERSAMPLING) + 1
    return slice(min(max(first, 0), length), min(max(last, 0), length))


def spheres(shape: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Spheres that do not touch, sizes falling as a power law, on a dark floor strewn with specks.

    Brightness rises to the limb, where the surface is steep (the secondary yield goes as ``1 / cos`` of the tilt);
    big spheres are brighter, and some carry facets with bright borders.
    """
    canvas = Canvas(shape)
    samples = _strewn_floor(canvas, rng)
    y, x = canvas.coordinates()
    grey, growth = rng.uniform(0.22, 0.45), rng.uniform(0.0, 0.08)
    rim, exponent = rng.uniform(0.05, 0.3), rng.uniform(0.15, 0.5)
    for radius, cy, cx in _packed(shape, rng):
        box = _box(cy, cx, radius + 4, samples.shape)
        dy, dx = y[box] - np.float32(cy), x[box] - np.float32(cx)
        distance = np.hypot(dy, dx)
        level = np.float32((grey + growth * np.log(radius / 3)) * rng.normal(1, 0.06))
        body = level * _limb(distance / np.float32(radius), exponent) + np.float32(rng.normal(0, 0.04) / radius) * dx
        if radius > 12 and rng.random() < 0.5:
            body = body + _facets(dy, dx, radius, rng)
        bloom = edge_bloom(np.float32(radius) - distance, strength=rim, decay_px=0.6 + 0.05 * radius)
        samples[box] = np.where(distance < radius, body + bloom, samples[box] + bloom)
    return canvas.photographed(samples, rng)


def _limb(share: Grid, exponent: float) -> Grid:
    cosine = np.sqrt(np.maximum(1 - share**2, 0.02))
    return np.asarray(np.minimum(cosine ** np.float32(-exponent * 0.35), 1.6), np.float32)


def _facets(dy: Grid, dx: Grid, radius: float, rng: np.random.Generator) -> Grid:
    total = np.zeros_like(dy)
    for _ in range(rng.integers(1, 5)):
        angle, out, size = rng.uniform(0, 2 * np.pi), radius * rng.uniform(0.2, 0.85), radius * rng.uniform(0.15, 0.4)
        along = np.hypot(dy - np.float32(out * np.sin(angle)), dx - np.float32(out * np.cos(angle)))
        total += edge_bloom(np.float32(size) - along, strength=rng.uniform(-0.05, 0.12), decay_px=rng.uniform(1, 3))
    return total


def _strewn_floor(canvas: Canvas, rng: np.random.Generator) -> Grid:
    floor = canvas.filled(rng.uniform(0.04, 0.16))
    relief = fractal(floor.shape, rng.uniform(1.0, 2.2), rng)
    specks = np.maximum(fractal(floor.shape, 0.5, rng) - np.float32(rng.uniform(1.2, 2.5)), 0)
    return np.asarray(floor + rng.uniform(0.005, 0.04) * relief + rng.uniform(0, 0.3) * specks, np.float32)


def _packed(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return ``(N, 3)`` radii and centres, biggest first, none touching another; a centre may lie outside."""
    area = (shape[0] + 40) * (shape[1] + 40)
    count = max(int(rng.uniform(0.008, 0.03) * area), 4)
    smallest, biggest = rng.uniform(1.3, 2.5), rng.choice([12, 30, 80])
    radii = np.minimum(smallest * (1 + rng.pareto(rng.uniform(1.1, 1.8), count)), biggest)
    wanted = np.column_stack([np.sort(radii)[::-1], rng.uniform(-20, np.array(shape) + 20, (count, 2))])
    kept = np.empty_like(wanted)
    number = 0
    for sphere in wanted:
        gaps = np.hypot(*(kept[:number, 1:] - sphere[1:]).T) - kept[:number, 0] - sphere[0]
        if number == 0 or gaps.min() > 0.5:
            kept[number] = sphere
            number += 1
    return kept[:number]
