import numpy as np

from stages.filter.gaussian import Gaussian
from stages.filter.median import Median
from stages.noise import measure
from tests.stages.scan import psnr, scanned, scene


def test_isolated_outliers_vanish_where_an_average_would_smear_them() -> None:
    clean = scene()
    frame = scanned(clean, electrons=200)
    frame[5::12, 7::12] = 1
    noise = measure(frame)
    assert psnr(Median()([frame], [noise])[0], clean) > psnr(Gaussian()([frame], [noise])[0], clean) + 3


def test_a_straight_edge_stays_where_it_is() -> None:
    step = np.where(np.arange(64) < 32, np.float32(0.2), np.float32(0.7)) * np.ones((64, 1), np.float32)
    noise = measure(scanned(step, electrons=100))
    np.testing.assert_array_equal(Median()([step], [noise])[0], step)


def test_more_noise_is_filtered_more() -> None:
    clean = scene()
    left = []
    for electrons in (400, 20):
        frame = scanned(clean, electrons=electrons)
        restored = Median()([frame], [measure(frame)])[0]
        left.append(float(np.std(restored - clean) / np.std(frame - clean)))
    assert left[1] < left[0]


def test_without_strength_the_frame_comes_back() -> None:
    frame = scanned(scene(), electrons=40)
    restored = Median(strength=0)([frame], [measure(frame)])[0]
    np.testing.assert_array_equal(restored, frame)
    assert not np.shares_memory(restored, frame)
