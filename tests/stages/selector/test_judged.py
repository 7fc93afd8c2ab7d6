import cv2
import numpy as np
import pytest

from schemas.scores import AVERAGE, NoiseRecord, Risk
from stages.filter.average import risk_of_average
from stages.noise import Noise, measure
from stages.risk import assess_all
from stages.second_frame import SecondFrame, second_frame_of
from stages.selector.judged import Judged, difference, judged
from tests.stages.selector.conftest import MakeCandidate

SCAN = Noise(0.08, 0.0145, 0.0, (1.0, 0.4), 0.0, 0.0, holds=True)
PAIRS = 16


def risk(value: float, *, variance_se: float = 0.0, blocks: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0)) -> Risk:
    return Risk(value=value, se=0.1, row_j=value, blocks=blocks, variance_se=variance_se)


def one(name: str, its: Risk) -> Judged:
    return Judged(name, its, its.value, 0.5, blocks=its.blocks)


def test_what_is_not_known_of_the_noise_counts_where_one_candidate_subtracts_it_alone() -> None:
    blurred, other = (one(name, risk(2.0, variance_se=0.3)) for name in ("blurred", "other"))
    average = one(AVERAGE, risk(1.5))
    assert difference(blurred, other).error == 0
    assert difference(blurred, average).error == difference(average, blurred).error == pytest.approx(0.3)
    scattered = one(AVERAGE, risk(1.5, blocks=(4.0, 3.0, 2.0, 1.0)))
    scatter = np.std([-3, -1, 1, 3], ddof=1) / 2
    assert difference(blurred, scattered).error == pytest.approx(np.hypot(scatter, 0.3))


def test_a_risk_of_an_older_event_has_the_differences_that_it_had() -> None:
    old = Risk.model_validate({"value": 2.0, "se": 0.1, "row_j": 2.0, "blocks": [1.0, 2.0, 3.0, 4.0]})
    assert difference(one("blurred", old), one(AVERAGE, old)).error == 0


def test_the_difference_of_the_average_from_a_blur_is_known_as_well_as_is_said() -> None:
    rng = np.random.default_rng(21)
    rough = cv2.GaussianBlur(rng.standard_normal((128, 128)).astype(np.float32), (0, 0), 5)
    clean = np.asarray(np.clip(0.45 + 1.08 * rough, 0.2, 0.8), np.float32)
    errors = []
    for _ in range(PAIRS):
        first, other = (np.asarray(np.clip(clean + SCAN.draw(clean, rng), 0, 1)) for _ in range(2))
        law = measure(first)
        second = second_frame_of(first, other, law)
        assert isinstance(second, SecondFrame)
        blurred = np.asarray(cv2.GaussianBlur(first, (0, 0), 0.62), np.float32)
        judged = assess_all(lambda f, _: list(f), [first], [law], ["x"], restored=[blurred], judges=[second])[0]
        found = difference(one("blur", judged), one(AVERAGE, risk_of_average(first, second, law, seed="x")))
        wrong = (np.square(frame - clean)[second.scored].mean() for frame in (blurred, second.averaged_with(first)))
        errors.append((found.more - next(wrong) + next(wrong)) / found.error)
    assert 0.3 < np.sqrt(np.mean(np.square(errors))) < 1.3


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
def test_a_second_voice_scatters_the_margin_by_its_weight(
    make: MakeCandidate, noise: NoiseRecord, weight: float
) -> None:
    one, other = (make(n, 5e-4, spread=4e-5, row_spread=2e-4, seed=s) for n, s in (("tv", 1), ("nlm", 2)))
    assert one.risk is not None
    assert other.risk is not None
    assert one.risk.row_blocks is not None
    assert other.risk.row_blocks is not None
    first = np.subtract(one.risk.blocks, other.risk.blocks)
    second = np.subtract(one.risk.row_blocks, other.risk.row_blocks)
    apart = difference(*judged([one, other], noise, second_voice=weight)[1:])
    expected = np.std((first + weight * second) / (1 + weight), ddof=1) / len(first) ** 0.5
    assert apart.error == pytest.approx(expected)
