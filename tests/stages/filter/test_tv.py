import numpy as np
import pytest

from stages.filter.tv import TotalVariation, _divergence, _gradient
from stages.noise import measure
from tests.stages.scan import psnr, scanned, scene


def variation(frame: np.ndarray) -> float:
    return float(np.hypot(*_gradient(frame)).sum())


def test_the_result_varies_less_the_stronger_the_filter() -> None:
    frame = scanned(scene(), electrons=60)
    noise = measure(frame)
    results = [TotalVariation(strength)([frame], [noise])[0] for strength in (0.3, 1.0, 3.0)]
    variations = [variation(result) for result in [frame, *results]]
    assert variations == sorted(variations, reverse=True)


def test_strength_one_is_better_than_half_or_twice_at_every_dose_and_correlation() -> None:
    clean = scene()
    for electrons in (20, 80, 400):
        for lag1 in (0.0, 0.5):
            frame = scanned(clean, electrons=electrons, lag1=lag1)
            weak, right, strong = (
                psnr(TotalVariation(s)([frame], [measure(frame)])[0], clean) for s in (0.5, 1.0, 2.0)
            )
            assert right > max(weak, strong)


def test_the_divergence_is_minus_the_adjoint_of_the_gradient() -> None:
    rng = np.random.default_rng(0)
    frame, down, right = rng.standard_normal((3, 17, 23)).astype(np.float32)
    down[-1], right[:, -1] = 0, 0
    pairs = zip(_gradient(frame), (down, right), strict=True)
    inner = sum(float((gradient * field).sum()) for gradient, field in pairs)
    assert inner == pytest.approx(-float((frame * _divergence(down, right)).sum()), rel=1e-4)
