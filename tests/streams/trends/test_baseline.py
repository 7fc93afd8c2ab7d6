import numpy as np
import pytest

from streams.trends.baseline import LEARNED_FROM, Baseline


def _of(values: list[float], least: float = 0.0) -> Baseline:
    baseline = Baseline()
    for value in values:
        baseline = baseline.learned(value, least=least)
    return baseline


def test_it_is_the_mean_and_the_spread_of_what_it_saw() -> None:
    values = np.random.default_rng(1).normal(7, 2, LEARNED_FROM)
    baseline = _of(values.tolist())
    assert baseline.complete
    assert baseline.mean == pytest.approx(values.mean(), abs=0.05)
    assert baseline.spread() == pytest.approx(values.std(ddof=1), rel=0.05)


def test_it_is_complete_with_the_last_image_that_it_learns_from() -> None:
    assert not _of([1.0] * (LEARNED_FROM - 1)).complete
    assert _of([1.0] * LEARNED_FROM).complete


def test_a_wild_image_while_learning_does_not_blind_the_charts() -> None:
    values = np.random.default_rng(2).normal(0, 1, LEARNED_FROM)
    values[100] = 1e6
    assert _of(values.tolist()).spread() < 1.3


def test_what_is_steadier_than_matters_has_the_least_spread() -> None:
    baseline = _of([5.0] * LEARNED_FROM, least=0.1)
    assert baseline.deviation(5.2, least=0.1) == pytest.approx(2.0)


def test_without_any_spread_every_other_value_is_an_outlier() -> None:
    baseline = _of([5.0] * 30)
    assert (baseline.deviation(5.0), baseline.deviation(6.0), baseline.deviation(4.0)) == (0.0, 4.0, -4.0)
