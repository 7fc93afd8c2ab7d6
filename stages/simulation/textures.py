"""Irregular specimens: fractured, porous and rough surfaces."""

import numpy as np
from scipy.ndimage import gaussian_filter

from schemas.frame import Pixels
from stages.simulation.canvas import Canvas, edge_bloom, fractal


def texture(shape: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Fractal relief lit from one side by the detector, most often with pores whose borders shine."""
    canvas = Canvas(shape)
    size = canvas.filled(0).shape
    relief = fractal(size, rng.uniform(2.4, 3.4), rng)
    fine = fractal(size, rng.uniform(1.4, 2.4), rng)
    slope = relief - np.roll(relief, int(rng.integers(2, 5)), axis=1)
    lit = np.tanh(slope * np.float32(rng.uniform(1.0, 3.0) / max(float(slope.std()), 1e-6)))
    samples = rng.uniform(0.3, 0.5) + 0.1 * np.tanh(relief) + rng.uniform(0.02, 0.12) * lit
    samples += rng.uniform(0.01, 0.06) * fine
    if rng.random() < 0.7:
        samples = _pierced(samples.astype(np.float32), rng)
    return canvas.photographed(samples.astype(np.float32), rng)


def _pierced(samples: Pixels, rng: np.random.Generator) -> Pixels:
    width = rng.uniform(3, 12)
    field = gaussian_filter(rng.standard_normal(samples.shape).astype(np.float32), width)
    field /= max(float(field.std()), 1e-6)
    depth = field - np.float32(rng.uniform(0.6, 1.5))
    inside = depth * np.float32(width)
    open_ = 1 / (1 + np.exp(-np.clip(4 * inside, -30, 30)))
    bloom = edge_bloom(-inside, strength=rng.uniform(0.05, 0.3), decay_px=rng.uniform(1, 3))
    return np.asarray(samples * (1 - open_ * np.float32(rng.uniform(0.4, 0.85))) + bloom * (1 - open_), np.float32)
