"""The variance-stabilising map."""

import numpy as np
import pytest

from schemas.frame import Pixels
from stages.noise import Noise
from stages.stabilise import Stabiliser


def noise_of(gain: float, offset: float, sigma: float | None = None) -> Noise:
    sigma = (gain * 0.45 + offset) ** 0.5 if sigma is None else sigma
    return Noise(sigma, gain, offset, (1.0,), 0.0, 0.0, holds=True)


def draws(gain: float, offset: float, grey: float, rng: np.random.Generator) -> Pixels:
    electrons = rng.poisson(np.full((400, 400), grey / gain))
    return np.asarray(gain * electrons + max(offset, 0) ** 0.5 * rng.standard_normal((400, 400)), np.float32)


LAWS = [(1 / 69, 0.0), (1 / 15, 4e-4), (1 / 200, 4e-4), (1 / 40, 2.5e-3)]


@pytest.mark.parametrize(("gain", "offset"), LAWS)
@pytest.mark.parametrize("grey", [0.3, 0.5, 0.8])
def test_noise_has_one_strength_at_every_grey_level(gain: float, offset: float, grey: float) -> None:
    stabiliser = Stabiliser.of(noise_of(gain, offset))
    spread = stabiliser.forward(draws(gain, offset, grey, np.random.default_rng(3))).std()
    assert spread / stabiliser.sigma == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize(("gain", "offset"), LAWS)
@pytest.mark.parametrize("grey", [0.1, 0.4, 0.8])
def test_the_exact_inverse_of_a_mean_has_no_bias(gain: float, offset: float, grey: float) -> None:
    stabiliser = Stabiliser.of(noise_of(gain, offset))
    mean = stabiliser.forward(draws(gain, offset, grey, np.random.default_rng(4))).mean(keepdims=True)
    exact = float(stabiliser.inverse(mean)[0, 0])
    assert exact == pytest.approx(grey, abs=0.1 * gain)
    assert abs(exact - grey) < abs(float(stabiliser.algebraic_inverse(mean)[0, 0]) - grey)


@pytest.mark.parametrize(("gain", "offset"), [*LAWS, (0.0145, -0.0004), (0.0, 0.003), (1e-9, 0.003), (0.0, 0.0)])
def test_the_algebraic_inverse_undoes_the_map_even_outside_the_grey_scale(gain: float, offset: float) -> None:
    stabiliser = Stabiliser.of(noise_of(gain, offset))
    grey = np.linspace(-0.4, 1.4, 1001, dtype=np.float32)[None]
    there = stabiliser.forward(grey)
    assert np.isfinite(there).all()
    assert (np.diff(there[0]) > 0).all()
    np.testing.assert_allclose(stabiliser.algebraic_inverse(there), grey, atol=2e-5)


def test_black_and_white_stay_where_they_are() -> None:
    stabiliser = Stabiliser.of(noise_of(0.0145, -0.0002))
    np.testing.assert_allclose(stabiliser.forward(np.array([[0.0, 1.0]], np.float32)), [[0, 1]], atol=1e-6)


def test_noise_that_does_not_grow_with_the_signal_is_left_alone() -> None:
    stabiliser = Stabiliser.of(noise_of(0.0, 0.0025))
    grey = np.random.default_rng(0).random((5, 7), np.float32)
    np.testing.assert_array_equal(stabiliser.forward(grey), grey)
    np.testing.assert_array_equal(stabiliser.inverse(grey), grey)
    assert stabiliser.sigma == pytest.approx(0.05)


def test_a_law_that_says_less_than_no_variance_falls_back_on_the_mean_strength() -> None:
    stabiliser = Stabiliser.of(noise_of(0.001, -0.002, sigma=0.05))
    assert stabiliser.sigma == pytest.approx(0.05)


@pytest.mark.parametrize(("gain", "offset"), [*LAWS, (0.0, 0.003)])
def test_the_exact_inverse_undoes_the_expected_value(gain: float, offset: float) -> None:
    stabiliser = Stabiliser.of(noise_of(gain, offset))
    clean = np.linspace(0, 1, 50, dtype=np.float32)[None]
    np.testing.assert_allclose(stabiliser.inverse(stabiliser.expected(clean)), clean, atol=2e-5)


def test_the_expected_value_is_the_mean_of_stabilised_draws() -> None:
    gain, offset, grey = 1 / 40, 4e-4, 0.3
    stabiliser = Stabiliser.of(noise_of(gain, offset))
    mean = float(stabiliser.forward(draws(gain, offset, grey, np.random.default_rng(5))).mean())
    assert float(stabiliser.expected(np.array([[grey]], np.float32))[0, 0]) == pytest.approx(mean, abs=1.5e-3)


def test_the_input_is_untouched() -> None:
    grey = np.random.default_rng(0).random((4, 4), np.float32)
    grey.flags.writeable = False
    stabiliser = Stabiliser.of(noise_of(0.0145, 0.0))
    assert stabiliser.inverse(stabiliser.forward(grey)) is not grey
