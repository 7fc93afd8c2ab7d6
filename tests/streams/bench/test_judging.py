import pytest

from stages.filter import Filter
from stages.filter.gaussian import Gaussian
from stages.filter.mean import Mean
from stages.metrics import Metrics
from stages.selector import Selector
from streams.bench.judging import SHARES, measure_judging
from streams.bench.simulated_fields import simulated_fields
from streams.errors import UsageError

STAGES = (Filter(candidates={"mean": Mean(), "faint": Gaussian(strength=0.3)}), Metrics(), Selector())


def test_a_clear_choice_is_the_same_with_any_draw_and_any_share() -> None:
    noted: list[int] = []
    figures = measure_judging(STAGES, simulated_fields(2), draws=4, note=lambda: noted.append(1))
    assert len(noted) == figures.images == 2
    assert (figures.stability.draws, figures.stability.same, figures.stability.least_alike) == (4, 1.0, 1.0)
    assert [float(share) for share in figures.shares] == list(SHARES)
    assert all(cost.regret.mean == 0 for cost in figures.shares.values())
    assert figures.shares["1"].scored == 1
    assert all(cost.scored <= float(share) for share, cost in figures.shares.items())


def test_simulated_frames_may_be_of_any_size() -> None:
    (field,) = simulated_fields(1, side_px=300)
    assert field.pair().noisy.frame.pixels.shape == (300, 300)


def test_a_pipeline_that_does_not_select_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="no stage that selects"):
        measure_judging(STAGES[:-1], simulated_fields(1), draws=2)
