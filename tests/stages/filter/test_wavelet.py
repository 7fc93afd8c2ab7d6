import numpy as np
import pytest

from stages.filter import wavelet
from stages.filter.wavelet import LEVELS, Wavelet, _noise_powers
from stages.noise import measure
from tests.stages.scan import scanned, scene


def test_without_strength_the_transform_gives_the_frame_back_but_for_the_bias_of_the_inverse() -> None:
    frame = scanned(scene(height=97, width=61), electrons=400)
    noise = measure(frame)
    restored = Wavelet(strength=0)([frame], [noise])[0]
    np.testing.assert_allclose(restored, frame, atol=0.4 * noise.gain)


def test_white_noise_fills_the_bands_of_a_level_alike_and_all_levels_share_its_power() -> None:
    powers = np.array(_noise_powers((1.0,)))
    assert powers.shape == (LEVELS, 3)
    np.testing.assert_allclose(powers, [[0.25**level] * 3 for level in range(1, LEVELS + 1)])


def test_noise_correlated_along_rows_is_weak_in_the_finest_detail_along_x() -> None:
    along_y, along_x, both = _noise_powers((1.0, 0.48, 0.09))[0]
    assert along_x < 0.5 * along_y
    assert both == pytest.approx(along_x)


def test_flat_parts_come_out_flat() -> None:
    frame = scanned(np.full((128, 128), 0.4, np.float32), electrons=60, lag1=0.5)
    restored = Wavelet()([frame], [measure(frame)])[0]
    assert np.std(restored) < 0.2 * np.std(frame)
    assert restored.mean() == pytest.approx(0.4, abs=0.005)


def test_a_tall_frame_restored_in_strips_is_what_it_would_be_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = scanned(scene(height=400, width=64), electrons=60, lag1=0.5)
    noise = measure(frame)
    whole = Wavelet()([frame], [noise])[0]
    monkeypatch.setattr(wavelet, "STRIP_ROWS", 133)
    np.testing.assert_allclose(Wavelet()([frame], [noise])[0], whole, atol=1e-6)
