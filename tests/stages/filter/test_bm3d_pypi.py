import sys

import numpy as np
import pytest

from stages.filter.bm3d_pypi import Bm3dAbsent, Bm3dPypi, _power
from stages.filter.gaussian import Gaussian
from stages.noise import Noise, measure
from tests.stages.scan import psnr, scanned, scene

LAW = Noise(0.08, 0.0145, 0.0, (1.0, 0.48, 0.09), 0.0, 0.0, holds=True)


def test_where_the_package_is_absent_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(Bm3dAbsent, match=r"semstream\[bm3d\]"):
        Bm3dPypi()([scene()], [LAW])


@pytest.mark.parametrize("shape", [(16, 20), (5, 17)])
def test_the_power_handed_over_is_that_of_white_noise_times_the_row_spectrum(shape: tuple[int, int]) -> None:
    power = _power(shape, LAW)
    assert power.shape == shape
    assert power.mean() == pytest.approx(shape[0] * shape[1])
    row = np.fft.ifft(power[0]).real / power[0].mean()
    assert row[:3] == pytest.approx([1, 0.48, 0.09], abs=0.01)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_restores_a_scanned_frame_better_than_a_gaussian() -> None:
    pytest.importorskip("bm3d")
    clean = scene(height=64, width=65)
    frame = scanned(clean, electrons=40, lag1=0.48)
    noise = measure(frame)
    assert psnr(Bm3dPypi()([frame], [noise])[0], clean) > psnr(Gaussian()([frame], [noise])[0], clean) + 0.5
