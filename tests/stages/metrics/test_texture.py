import numpy as np
import pytest

from stages.metrics.names import Score
from stages.metrics.texture import BANDS, Texture
from stages.noise import Noise
from tests.stages.metrics.conftest import Scene


def test_the_clean_frame_keeps_all_texture_and_no_noise_counts_as_texture(scene: Scene) -> None:
    scores = Texture.of(scene.raw, scene.noise)(scene.clean)
    told = [scores[name] for name, _, _ in BANDS[:3]]
    assert told == pytest.approx([1, 1, 1], abs=0.12)


def test_blur_takes_fine_texture_first(scene: Scene) -> None:
    scores = Texture.of(scene.raw, scene.noise)(scene.blurred(2.0))
    coarse, medium, fine = (scores[name] or 0 for name, _, _ in BANDS[:3])
    assert 0.5 < coarse < 1
    assert fine < medium < coarse


def test_what_noise_hides_is_not_scored(scene: Scene) -> None:
    assert Texture.of(scene.raw, scene.noise)(scene.raw)[Score.TEXTURE_FINEST] is None


def test_bands_do_not_overlap_and_a_grating_is_found_in_its_own() -> None:
    x = np.arange(256, dtype=np.float32)
    grating = np.asarray(0.5 + 0.2 * np.sin(2 * np.pi * x / 6)[None].repeat(256, 0), np.float32)
    silent = Noise(1e-6, 0.0, 1e-12, (1.0,), 0.0, 0.0, holds=True)
    powers = Texture.of(grating, silent).powers(grating)
    assert powers.argmax() == [name for name, _, _ in BANDS].index(Score.TEXTURE_FINE)
    assert powers.max() > 100 * np.sort(powers)[-2]
