"""Noise-free scenes."""

import numpy as np
import pytest

from stages.simulation.canvas import Canvas, edge_bloom, fractal
from stages.simulation.lithography import rough_edges
from stages.simulation.particles import _packed
from stages.simulation.scenes import KINDS, scene


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(96, 128), (17, 40), (1, 50), (33, 1), (1, 1)])
def test_a_scene_of_any_shape_is_a_frame_within_the_grey_scale(kind: str, shape: tuple[int, int]) -> None:
    clean = scene(kind, shape, np.random.default_rng(3))
    assert clean.shape == shape
    assert clean.dtype == np.float32
    assert clean.min() >= 0
    assert clean.max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_decides_all(kind: str) -> None:
    first, again, other = (scene(kind, (64, 80), np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_has_contrast_and_no_step_sharper_than_the_probe(kind: str) -> None:
    for seed in range(4):
        clean = scene(kind, (96, 96), np.random.default_rng(seed))
        assert np.ptp(clean) > 0.12
        steps = max(float(np.abs(np.diff(clean, axis=axis)).max()) for axis in (0, 1))
        assert steps < 0.75 * np.ptp(clean)


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="lines, holes, grains, spheres, texture, manhattan"):
        scene("cats", (16, 16), np.random.default_rng(0))


def test_rough_edges_have_the_strength_and_the_slope_asked_for() -> None:
    hurst, length = 0.6, 4096
    edges = rough_edges(40, length, sigma_px=1.2, correlation_px=20.0, hurst=hurst, rng=np.random.default_rng(1))
    np.testing.assert_allclose(edges.std(axis=1), 1.2, rtol=1e-3)
    psd = (np.abs(np.fft.rfft(edges, axis=1)) ** 2).mean(axis=0)
    frequency = np.fft.rfftfreq(length)
    tail = (frequency > 0.05) & (frequency < 0.4)
    slope = np.polyfit(np.log(frequency[tail]), np.log(psd[tail]), 1)[0]
    assert slope == pytest.approx(-(1 + 2 * hurst), abs=0.1)


def test_spheres_do_not_touch() -> None:
    packed = _packed((80, 80), np.random.default_rng(2))
    distance = np.hypot(*(packed[:, None, 1:] - packed[None, :, 1:]).transpose(2, 0, 1))
    gaps = distance - packed[:, 0] - packed[:, None, 0]
    assert len(packed) > 10
    assert gaps[~np.eye(len(packed), dtype=bool)].min() > 0


def test_edges_bloom_most_on_their_upper_side() -> None:
    inside = np.linspace(-4, 4, 81, dtype=np.float32)[None]
    bloom = edge_bloom(inside, strength=0.3, decay_px=1.5)[0]
    assert bloom.max() == pytest.approx(0.3)
    assert inside[0, bloom.argmax()] == pytest.approx(0, abs=1e-6)
    assert bloom[60] > 2 * bloom[20]


def test_a_fractal_field_falls_off_as_its_slope() -> None:
    field = fractal((256, 256), 2.5, np.random.default_rng(0))
    assert float(field.std()) == pytest.approx(1, abs=1e-3)
    power = np.abs(np.fft.rfft2(field)) ** 2
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None])
    band = (frequency > 0.02) & (frequency < 0.4)
    assert np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0] == pytest.approx(-2.5, abs=0.1)


def test_the_canvas_blurs_a_sharp_edge_over_a_pixel_and_a_half_at_least() -> None:
    canvas = Canvas((40, 40))
    _, x = canvas.coordinates()
    edge = canvas.photographed(np.where(x > 20, 0.8, 0.2).astype(np.float32), np.random.default_rng(0))
    assert 0.1 < np.abs(np.diff(edge.mean(axis=0))).max() < 0.36
