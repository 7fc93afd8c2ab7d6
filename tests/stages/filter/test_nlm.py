from dataclasses import replace

import numpy as np
import pytest

from stages.filter.nlm import NonLocalMeans
from stages.filter.wavelet import Wavelet
from stages.noise import measure
from streams.configuring import configured
from streams.errors import UsageError
from tests.stages.scan import psnr, scanned, scene

Method = NonLocalMeans | Wavelet


@pytest.mark.parametrize("method", [NonLocalMeans(), Wavelet()])
@pytest.mark.parametrize("electrons", [20, 100, 500])
def test_knowing_that_noise_is_correlated_along_rows_helps(method: Method, electrons: float) -> None:
    clean = scene("lines")
    frame = scanned(clean, electrons=electrons, lag1=0.6)
    noise = measure(frame)
    believed_white = replace(noise, row_acf=(1.0,))
    known, unknown = (psnr(method([frame], [law])[0], clean) for law in (noise, believed_white))
    assert known > unknown + 0.2


@pytest.mark.parametrize("method", [NonLocalMeans, Wavelet])
def test_strength_one_beats_half_and_twice_or_comes_near_at_low_and_at_usual_dose(method: type[Method]) -> None:
    clean = scene()
    for electrons in (20, 80):
        frame = scanned(clean, electrons=electrons, lag1=0.4)
        weak, right, strong = (psnr(method(s)([frame], [measure(frame)])[0], clean) for s in (0.5, 1.0, 2.0))
        assert right > max(weak, strong) - 0.3


def test_what_repeats_is_restored_from_its_repetitions() -> None:
    """A period of 6 px: averaging neighbours would wash it out, averaging like patches keeps it."""
    x = np.arange(120, dtype=np.float32)
    clean = np.tile((0.4 + 0.15 * np.sin(2 * np.pi * x / 6)).astype(np.float32), (120, 1))
    frame = scanned(clean, electrons=60)
    assert psnr(NonLocalMeans()([frame], [measure(frame)])[0], clean) > psnr(frame, clean) + 8


def test_each_pair_of_pixels_within_reach_is_weighed_once() -> None:
    offsets = list(NonLocalMeans(reach_px=3)._offsets())
    both = offsets + [(-down, -right) for down, right in offsets]
    assert len(set(both)) == len(both) == 7 * 7 - 1


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("patch_px", 0, "greater"),
        ("patch_px", 4, "odd, such as 5"),
        ("reach_px", -1, "greater"),
        ("reach_px", 200, "less"),
    ],
)
def test_patches_and_reach_that_make_no_sense_are_refused(option: str, value: int, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        configured(NonLocalMeans, {option: value}, "[filter.candidates.nlm]")
