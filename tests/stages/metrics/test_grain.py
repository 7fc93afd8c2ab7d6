import numpy as np
import pytest

from stages.metrics.grain import Grain, snr_db
from stages.metrics.names import Score
from tests.stages.metrics.conftest import Scene


def test_the_noise_left_in_the_raw_frame_is_that_of_its_flat_parts(scene: Scene) -> None:
    grain = Grain.of(scene.raw)
    flat = np.pad(grain.flat, ((1, 1), (0, 0)))
    truth = np.std((scene.raw - scene.clean)[flat])
    assert grain(scene.raw)[Score.NOISE_LEFT] == pytest.approx(truth, rel=0.08)


def test_less_noise_is_left_the_stronger_the_blur(scene: Scene) -> None:
    grain = Grain.of(scene.raw)
    left = [grain(scene.blurred(s))[Score.NOISE_LEFT] or 0 for s in (0.5, 1.0, 2.0)]
    assert left == sorted(left, reverse=True)
    assert left[0] < 0.07


def test_the_signal_to_noise_ratio_is_the_true_one_although_noise_is_correlated_along_rows(scene: Scene) -> None:
    truth = 10 * np.log10(scene.clean.var() / (scene.raw - scene.clean).var())
    assert snr_db(scene.raw) == pytest.approx(truth, abs=0.5)


def test_a_frame_without_signal_has_no_signal_to_noise_ratio() -> None:
    assert snr_db(np.full((32, 32), 0.5, np.float32)) is None


def test_a_saturated_frame_has_no_flat_part_to_find_grain_in() -> None:
    white = np.ones((32, 32), np.float32)
    assert Grain.of(white)(white) == {Score.NOISE_LEFT: None, Score.SNR: None}


@pytest.mark.parametrize("levels", [0.6, 0.75, 1.1, 2.0])
def test_noise_of_about_a_grey_level_is_left_as_it_is_and_not_as_a_multiple_of_levels(levels: float) -> None:
    scatter = levels * np.random.default_rng(3).standard_normal((256, 256))
    left = Grain.of(frame := (np.rint(100.3 + scatter) / 255).astype(np.float32))(frame)[Score.NOISE_LEFT]
    assert left is not None
    assert 255 * left == pytest.approx((levels**2 + 1 / 12) ** 0.5, rel=0.05)
