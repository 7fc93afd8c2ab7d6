from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from schemas.frame import Pixels
from stages.filter import Filter
from stages.filter.gaussian import Gaussian
from stages.metrics import Metrics
from stages.noise import Noise, measure
from streams.bench.evidence_picture import SIDE_PX, write_picture
from streams.bench.features import Feature, detectability, disc, drawn_features
from streams.bench.guards import TRUTH, Specimen, measure_evidence, methods_of, real_specimens, simulated_specimens
from streams.bench.panels import GAP_PX, MAGNIFIED, TITLE_PX
from streams.errors import UsageError
from tests.streams.bench.conftest import LAW, WritePair

METHODS = {"gaussian": Gaussian()}


@dataclass(frozen=True)
class Inventor:
    """Restores by a Gaussian, and plants a bright disc of its own."""

    version: ClassVar[int] = 1

    def __call__(self, frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        return [
            np.clip(each + np.float32(0.4) * disc(each.shape, 60, 50, 5), 0, 1) for each in Gaussian()(frames, noises)
        ]


def test_strong_features_are_caught_and_honest_candidates_left_alone() -> None:
    found = measure_evidence(simulated_specimens(3, seed=3, size_px=160), METHODS, seed=3)
    assert found.images == 3
    assert found.false_alarms == 0
    assert found.caught["3"] < found.caught["5"] < found.caught["8"]
    assert found.caught["8"] > 0.85
    assert found.features == 24
    assert set(found.maps) == {"gaussian", TRUTH}
    assert (found.maps[TRUTH].share, found.maps[TRUTH].with_any) == (0, 0)
    assert found.maps["gaussian"].share < 0.001
    assert found.maps["gaussian"].largest > found.maps[TRUTH].largest


def test_one_that_plants_something_is_convicted_and_the_truth_confirms_it() -> None:
    (specimen,) = simulated_specimens(1, seed=3, size_px=160)
    simulated = measure_evidence([specimen], {"inventor": Inventor()}, seed=3)
    assert (simulated.confirmed, simulated.false_alarms) == (1, 0)
    assert simulated.maps["inventor"].share > 0.001
    real = measure_evidence([Specimen("real", specimen.raw)], {"inventor": Inventor()}, seed=3)
    assert set(real.maps) == {"inventor"}
    assert (real.confirmed, real.false_alarms_of) == (0, {"inventor": 1})


def test_frames_without_a_noise_law_are_left_out() -> None:
    black = Specimen("black", np.zeros((64, 64), np.float32))
    assert measure_evidence([black], METHODS, seed=1).images == 0


def test_the_noisy_images_of_pairs_are_read(pairs: Path, write_pair: WritePair) -> None:
    write_pair("line", 1)
    write_pair("line", 2)
    assert [specimen.name for specimen in real_specimens(pairs, frozenset({2}))] == ["line/002"]


def test_candidates_are_found_by_name_or_it_is_said_which_there_are() -> None:
    stages = (Filter(candidates=METHODS), Metrics())
    assert methods_of(stages, ["gaussian"]) == METHODS
    with pytest.raises(UsageError, match="no candidate unet; it has gaussian"):
        methods_of(stages, ["unet"])


@pytest.mark.parametrize("radius", [2, 5])
def test_the_detectability_of_a_feature_is_what_the_best_filter_finds_in_draws_of_the_noise(radius: int) -> None:
    law = Noise(1.0, 0.0, 1.0, (1.0, 0.48, 0.09), 0.0, 0.0, holds=True)
    feature = disc((64, 64), 32, 32, radius)
    best = np.fft.irfft(np.fft.rfft(feature, axis=1) / law.row_psd(64), 64, axis=1)
    rng = np.random.default_rng(1)
    draws = [float((law.draw(np.zeros((64, 64), np.float32), rng) * best).sum()) for _ in range(800)]
    assert float((feature * best).sum()) / np.std(draws) == pytest.approx(detectability(feature, law), rel=0.08)


def test_features_are_drawn_where_nothing_is_saturated_and_have_the_detectability_asked_for() -> None:
    restored = np.full((90, 100), 0.4, np.float32)
    trusted = np.ones_like(restored)
    trusted[:, :60] = 0
    drawn = drawn_features(restored, LAW, trusted, [5] * 20, np.random.default_rng(2))
    assert all(feature.x >= 60 for feature in drawn)
    assert {np.sign(feature.amplitude) for feature in drawn} == {-1, 1}
    deviation = float(np.sqrt(LAW.variance(restored)[0, 0]))
    for feature in drawn[:5]:
        centred = Feature(32, 32, feature.radius_px, feature.amplitude / deviation)
        assert detectability(centred.drawn((64, 64)), LAW) == pytest.approx(5, rel=0.01)
    assert drawn_features(restored, LAW, np.zeros_like(trusted), [5], np.random.default_rng(2)) == []


def test_the_picture_has_three_panels_and_colour_in_the_last_alone(tmp_path: Path) -> None:
    (specimen,) = simulated_specimens(1, seed=3, size_px=240)
    assert measure(specimen.raw).holds
    write_picture(tmp_path / "a.png", specimen, Gaussian(), seed=1)
    picture = cv2.imread(str(tmp_path / "a.png"))
    assert picture is not None
    side = SIDE_PX * MAGNIFIED
    assert picture.shape == (TITLE_PX + side, 3 * side + 2 * GAP_PX, 3)
    coloured = np.ptp(picture, axis=2) > 30
    assert not coloured[:, : 2 * side].any()
    assert coloured[:, 2 * side + 2 * GAP_PX :].any()
    with pytest.raises(UsageError, match="too small"):
        write_picture(tmp_path / "b.png", Specimen("b", specimen.raw[:100]), Gaussian(), seed=1)
