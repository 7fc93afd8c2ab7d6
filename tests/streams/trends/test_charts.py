import numpy as np
import pytest

from schemas.health import Change, ChartKind, Direction
from streams.trends.charts import CUSUM_CEILING, CUSUM_LIMIT, LIMITS, Charts, Crossing, advanced, without_outlier
from tests.streams.trends import run_length


def _crossings(deviations: list[float], charts: Charts | None = None) -> list[tuple[int, Crossing]]:
    charts, found = charts or Charts(), list[tuple[int, Crossing]]()
    for number, z in enumerate(deviations):
        charts, crossings = advanced(charts, z)
        found += [(number, crossing) for crossing in crossings]
    return found


def test_nothing_happens_on_the_baseline() -> None:
    charts, crossings = advanced(Charts(), 0.0)
    assert charts == Charts()
    assert crossings == ()


@pytest.mark.parametrize(("z", "direction"), [(3.0, Direction.UP), (-3.0, Direction.DOWN)])
def test_a_jump_is_told_by_both_charts_once_on_its_side(z: float, direction: Direction) -> None:
    found = _crossings([z] * 100)
    assert {crossing.chart for _, crossing in found} == set(ChartKind)
    assert len(found) == 2
    assert all(c.change is Change.LEFT and c.direction is direction and c.statistic > c.limit for _, c in found)
    assert all(number < 10 for number, _ in found)


@pytest.mark.parametrize("sign", [1, -1])
def test_who_is_well_again_has_returned_within_25_images_whatever_went_before(sign: int) -> None:
    found = _crossings([4.0 * sign] * 1000 + [0.0] * 25)
    assert sorted(crossing.chart for _, crossing in found if crossing.change is Change.RETURNED) == sorted(ChartKind)


def test_a_chart_on_its_limit_does_not_tell_of_every_image() -> None:
    charts = Charts()
    while ChartKind.CUSUM not in charts.out:
        charts, _ = advanced(charts, 1.0)
    rng = np.random.default_rng(1)
    found = _crossings([0.75 + float(z) for z in rng.choice([-0.5, 0.5], 200)], charts)
    assert [c for _, c in found if c.chart is ChartKind.CUSUM and c.change is Change.LEFT] == []


def test_a_swing_from_side_to_side_returns_before_it_leaves_again() -> None:
    found = _crossings([4.0] * 20 + [-4.0] * 40)
    for chart in ChartKind:
        seen = [(c.change, c.direction) for _, c in found if c.chart is chart]
        assert seen == [
            (Change.LEFT, Direction.UP),
            (Change.RETURNED, Direction.UP),
            (Change.LEFT, Direction.DOWN),
        ]


def test_the_sums_stay_between_nothing_and_their_ceiling() -> None:
    charts = Charts()
    for z in [*[4.0] * 100, *[-4.0] * 100]:
        charts, _ = advanced(charts, z)
        assert 0 <= charts.high <= CUSUM_CEILING
        assert 0 <= charts.low <= CUSUM_CEILING


def test_both_sides_are_alike() -> None:
    deviations = np.random.default_rng(2).normal(0.8, 1.5, 2000).tolist()
    up, down = _crossings(deviations), _crossings([-z for z in deviations])
    assert [(n, c.chart, c.change) for n, c in up] == [(n, c.chart, c.change) for n, c in down]
    assert up
    assert all(above.direction is not below.direction for (_, above), (_, below) in zip(up, down, strict=True))


def test_one_wild_image_is_not_told() -> None:
    assert _crossings([0.0] * 10 + [without_outlier(1e6)] + [0.0] * 10) == []


def test_charts_are_kept_as_json_and_go_on_from_there() -> None:
    rng = np.random.default_rng(3)
    here, there = Charts(), Charts()
    for z in rng.normal(1.0, 1.0, 300):
        here, told_here = advanced(here, float(z))
        there, told_there = advanced(Charts.from_json(there.to_json()), float(z))
        assert (there, told_there) == (here, told_here)
    assert here.out


def test_the_run_lengths_are_those_that_the_limits_were_chosen_by() -> None:
    assert run_length.cusum(0) > 3e8  # on each side
    assert run_length.ewma(0) > 3e7
    assert run_length.cusum(1.5) < 17
    assert run_length.ewma(2.0) < 11


def test_siegmunds_formula_agrees_with_the_chain() -> None:
    assert run_length.siegmund(1.5) == pytest.approx(run_length.cusum(1.5), rel=0.02)
    assert run_length.siegmund(0) == pytest.approx(run_length.cusum(0), rel=0.25)


def test_with_baselines_of_200_images_a_steady_instrument_is_seldom_told_of_in_10000() -> None:
    rng, chances = np.random.default_rng(4), list[float]()
    for _ in range(40):
        learned = rng.standard_normal(200)
        centre, scale = float(learned.mean()), float(learned.std(ddof=1))
        runs = [run_length.cusum(side * centre / scale, spread=1 / scale) for side in (-1, 1)]
        runs.append(run_length.ewma(-centre / scale, spread=1 / scale))
        chances.append(1 - float(np.exp(-sum(1e4 / run for run in runs))))
    assert np.mean(chances) < 0.01


def test_measured_run_lengths_are_those_of_the_chain() -> None:
    rng, lengths = np.random.default_rng(5), list[int]()
    for _ in range(400):
        charts = Charts()
        while ChartKind.CUSUM not in charts.out:
            charts, _ = advanced(charts, without_outlier(float(rng.normal(1.5, 1))))
            lengths.append(1)
        lengths.append(0)
    assert sum(lengths) / 400 == pytest.approx(run_length.cusum(1.5), rel=0.1)


def test_every_chart_has_a_limit() -> None:
    assert set(LIMITS) == set(ChartKind)
    assert LIMITS[ChartKind.CUSUM] == CUSUM_LIMIT
