import numpy as np
import pytest

from stages.filter.gaussian import SCALES_PX, Gaussian, best_scales
from stages.filter.linear import convolve, least_risk
from stages.filter.mean import WIDTHS_PX, Mean, box
from stages.noise import Noise, measure
from tests.stages.scan import psnr, scanned, scene

WHITE = Noise(0.1, 0.0, 0.01, (1.0,), 0.0, 0.0, holds=True)


@pytest.mark.parametrize("kind", ["particles", "lines", "texture"])
@pytest.mark.parametrize("lag1", [0.0, 0.5])
def test_the_pair_of_kernels_of_least_risk_is_among_the_best_by_the_clean_frame(kind: str, lag1: float) -> None:
    clean = scene(kind)
    frame = scanned(clean, electrons=40, lag1=lag1)
    kernels = [box(width) for width in WIDTHS_PX]
    quality = np.array([[psnr(convolve(frame, down, right), clean) for right in kernels] for down in kernels])
    assert quality[least_risk(frame, measure(frame), kernels)] > quality.max() - 0.4


def test_more_noise_asks_for_wider_kernels() -> None:
    clean = scene()
    scales = [best_scales(frame, measure(frame)) for frame in (scanned(clean, electrons=e) for e in (600, 120, 25))]
    areas = [vertical * horizontal for vertical, horizontal in scales]
    assert areas == sorted(areas)
    assert areas[0] < 0.5 * areas[-1]


def test_a_specimen_of_vertical_lines_is_averaged_along_them() -> None:
    frame = scanned(scene("lines"), electrons=40)
    vertical, horizontal = best_scales(frame, measure(frame))
    assert vertical > 2 * horizontal


def test_pure_noise_is_averaged_as_widely_as_possible() -> None:
    frame = (0.5 + 0.1 * np.random.default_rng(0).standard_normal((128, 128))).astype(np.float32)
    assert min(best_scales(frame, WHITE)) > 0.6 * max(SCALES_PX)


def test_of_a_large_frame_the_middle_decides() -> None:
    frame = np.full((1100, 1300), 0.5, np.float32)
    frame[:20] = np.random.default_rng(0).random((20, 1300))
    kernels = [box(1.0), box(9.0)]
    middle = frame[38:1062, 138:1162]
    assert least_risk(frame, WHITE, kernels) == least_risk(middle, WHITE, kernels)


@pytest.mark.parametrize("width", [0.3, 1.0, 1.7, 2.0, 3.0, 8.5])
def test_a_box_of_any_width_sums_to_one_and_is_symmetric(width: float) -> None:
    kernel = box(width)
    assert len(kernel) % 2 == 1
    assert kernel.sum() == pytest.approx(1)
    np.testing.assert_array_equal(kernel, kernel[::-1])


@pytest.mark.parametrize("method", [Mean, Gaussian])
def test_strength_one_is_better_than_much_less_or_more_at_every_dose(method: type[Mean] | type[Gaussian]) -> None:
    clean = scene()
    for electrons in (20, 80, 400):
        frame = scanned(clean, electrons=electrons, lag1=0.4)
        weak, right, strong = (
            psnr(method(strength)([frame], [measure(frame)])[0], clean) for strength in (0.6, 1.0, 1.7)
        )
        assert right > max(weak, strong)


@pytest.mark.parametrize("method", [Mean(), Gaussian()])
def test_grey_levels_are_kept_on_the_average(method: Mean | Gaussian) -> None:
    frame = scanned(scene(), electrons=40)
    assert method([frame], [measure(frame)])[0].mean() == pytest.approx(frame.mean(), abs=1e-3)
