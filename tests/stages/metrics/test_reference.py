import numpy as np
import pytest
from scipy.ndimage import shift

from stages.metrics.names import Score
from stages.metrics.reference import MOST_DB, Reference, gmsd, ms_ssim, psnr_db, ssim
from tests.stages.metrics.conftest import Scene


def test_identical_frames_are_perfect(scene: Scene) -> None:
    assert psnr_db(scene.clean, scene.clean) == MOST_DB
    assert ssim(scene.clean, scene.clean) == pytest.approx(1)
    assert ms_ssim(scene.clean, scene.clean) == pytest.approx(1)
    assert gmsd(scene.clean, scene.clean) == pytest.approx(0, abs=1e-6)


def test_the_ratio_is_that_of_the_mean_squared_error(scene: Scene) -> None:
    assert psnr_db(scene.clean, scene.clean + np.float32(0.1)) == pytest.approx(20, abs=0.01)


def test_every_comparison_ranks_less_noise_first(scene: Scene) -> None:
    less = np.asarray((scene.clean + scene.raw) / 2, np.float32)
    assert psnr_db(scene.clean, less) > psnr_db(scene.clean, scene.raw)
    assert ssim(scene.clean, less) > ssim(scene.clean, scene.raw)
    assert ms_ssim(scene.clean, less) > ms_ssim(scene.clean, scene.raw)
    assert gmsd(scene.clean, less) < gmsd(scene.clean, scene.raw)


def test_several_scales_forgive_grain_that_one_scale_does_not(scene: Scene) -> None:
    assert ms_ssim(scene.clean, scene.raw) > ssim(scene.clean, scene.raw)


def test_a_shifted_and_darker_reference_is_brought_onto_the_raw_frame(scene: Scene) -> None:
    moved = np.asarray(0.8 * shift(scene.clean, (2.4, -3.3), order=3, mode="nearest") + 0.05, np.float32)
    reference = Reference.of(moved, scene.raw)
    assert reference is not None
    assert (reference(scene.clean)[Score.PSNR] or 0) > 35
    assert psnr_db(scene.clean, moved) < 20


def test_a_reference_of_another_shape_compares_with_nothing(scene: Scene) -> None:
    assert Reference.of(scene.clean[:-1], scene.raw) is None


def test_a_frame_too_small_for_structure_has_a_ratio_only() -> None:
    frame = np.random.default_rng(1).random((8, 40), dtype=np.float32)
    reference = Reference.of(frame, frame)
    assert reference is not None
    assert reference(frame) == {Score.PSNR: MOST_DB, Score.SSIM: None, Score.MS_SSIM: None, Score.GMSD: None}
