import numpy as np
import pytest

from schemas.frame import Pixels
from stages.metrics.names import Score
from stages.metrics.residual import Residual
from stages.noise import Noise
from tests.stages.metrics.conftest import Scene


def test_taking_away_all_noise_and_nothing_else_has_the_energy_1(scene: Scene) -> None:
    assert Residual.of(scene.raw, scene.noise)(scene.clean)[Score.RESIDUAL_ENERGY] == pytest.approx(1, abs=0.05)


def test_the_raw_frame_has_no_residual_to_judge(scene: Scene) -> None:
    scores = Residual.of(scene.raw, scene.noise)(scene.raw)
    assert scores == {Score.RESIDUAL_ENERGY: 0, Score.RESIDUAL_STRUCTURE: None}


def test_a_gentler_restoration_has_less_residual_energy(scene: Scene) -> None:
    residual = Residual.of(scene.raw, scene.noise)
    energies = [residual(scene.blurred(s))[Score.RESIDUAL_ENERGY] or 0 for s in (0.4, 0.7, 1.0)]
    assert energies == sorted(energies)


def test_the_noise_itself_shows_no_structure_and_lost_specimen_does(scene: Scene) -> None:
    residual = Residual.of(scene.raw, scene.noise)
    clean, blurred, half = (
        residual(f)[Score.RESIDUAL_STRUCTURE] for f in (scene.clean, scene.blurred(3), half_of(scene))
    )
    assert clean is not None
    assert blurred is not None
    assert half is not None
    assert clean < 0.02
    assert blurred > 5 * clean
    assert half == pytest.approx(clean, abs=0.01), "half the noise has the noise's correlations too"


def half_of(scene: Scene) -> Pixels:
    return np.asarray((scene.clean + scene.raw) / 2)


def test_row_correlation_counts_as_structure_under_a_white_law(scene: Scene) -> None:
    white = Noise(scene.noise.sigma, scene.noise.gain, scene.noise.offset, (1.0,), 0.0, 0.0, holds=True)
    assert (Residual.of(scene.raw, white)(scene.clean)[Score.RESIDUAL_STRUCTURE] or 0) > 0.05


def test_saturated_pixels_have_no_say(scene: Scene) -> None:
    raw = scene.raw.copy()
    raw[50:90] = 1.0
    changed = scene.clean.copy()
    changed[55:85] = 0.0
    residual = Residual.of(raw, scene.noise)
    assert residual(changed) == residual(scene.clean)


def test_a_frame_without_noise_has_no_scores() -> None:
    flat = np.full((32, 32), 0.5, np.float32)
    silent = Noise(0.0, 0.0, 0.0, (1.0,), 0.0, 0.0, holds=False)
    assert Residual.of(flat, silent)(flat) == {Score.RESIDUAL_ENERGY: None, Score.RESIDUAL_STRUCTURE: None}
