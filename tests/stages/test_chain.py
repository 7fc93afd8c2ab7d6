import numpy as np
import pytest

from stages.chain import Chain, law_left
from stages.filter.bm3d import Bm3d
from stages.filter.median import Median
from stages.filter.nlm import NonLocalMeans
from stages.filter.tv import TotalVariation
from stages.filter.wavelet import Wavelet
from stages.noise import measure
from stages.stage import Method


@pytest.mark.parametrize("then", [NonLocalMeans(), Bm3d(), TotalVariation(), Wavelet()])
@pytest.mark.parametrize("levels", [0.45, 0.5])
def test_where_the_first_method_leaves_nothing_the_second_has_nothing_to_do(then: Method, levels: float) -> None:
    noise_levels = levels * np.random.default_rng(0).standard_normal((128, 128))
    frame = (np.rint(128 + noise_levels) / 255).astype(np.float32)
    law = measure(frame)
    assert law.holds
    filtered = Median()([frame], [law])[0]
    assert law_left(frame, filtered, law).sigma < 1e-5
    assert np.array_equal(Chain(Median(), then)([frame], [law])[0], filtered)
