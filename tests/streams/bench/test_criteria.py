"""The popular criteria do what their papers say where their assumptions hold."""

import numpy as np
import pytest

from schemas.frame import Pixels
from stages.filter.gaussian import Gaussian
from stages.filter.mean import Mean
from stages.noise import measure
from stages.stage import Method
from streams.bench.criteria import CRITERIA, Examined, favourites, gcv, j_invariance, mad_sure
from tests.stages.scan import scene


@pytest.fixture(scope="module")
def clean() -> Pixels:
    return scene("particles", height=192, width=192)


def examined(clean: Pixels, method: Method, *, sigma: float = 0.06) -> Examined:
    noise = np.random.default_rng(4).normal(0, sigma, clean.shape)
    frame = np.clip(clean + noise, 0, 1).astype(np.float32)
    law = measure(frame)
    return Examined(method, frame, law, np.clip(method([frame], [law])[0], 0, 1), "seed")


def test_steins_estimate_is_the_error_where_noise_is_white(clean: Pixels) -> None:
    one = examined(clean, Gaussian())
    assert mad_sure(one) == pytest.approx(float(np.mean((one.restored - clean) ** 2)), rel=0.15)


def test_hidden_pixels_rank_a_right_strength_before_far_too_much(clean: Pixels) -> None:
    right, far = (examined(clean, Gaussian(strength=strength)) for strength in (1.0, 6.0))
    for criterion in (j_invariance, gcv, mad_sure):
        assert criterion(right) < criterion(far)


def test_each_criterion_names_its_favourite(clean: Pixels) -> None:
    pool = {"gentle": examined(clean, Mean(strength=0.5)), "strong": examined(clean, Gaussian(strength=6.0))}
    found = favourites(pool)
    assert set(found) == set(CRITERIA)
    assert found["sharpness"] == "gentle"
