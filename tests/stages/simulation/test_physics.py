"""What a scan adds to a scene."""

from dataclasses import replace

import numpy as np
import pytest

from schemas.frame import Pixels
from stages.noise import measure
from stages.simulation.physics import Scan, acquire, exponential_kernel
from stages.simulation.scenes import scene

SMOOTH = np.tile(np.linspace(0.15, 0.75, 400, dtype=np.float32)[:, None], (1, 400))
QUIET = Scan(60.0, read_noise=0.02, bits=0)


def noise_of(scan: Scan, clean: Pixels = SMOOTH) -> Pixels:
    return acquire(clean, scan=scan, rng=np.random.default_rng(11)) - clean


@pytest.mark.parametrize("excess", [0.0, 0.7])
@pytest.mark.parametrize("kernel", [(1.0,), (0.3, 1.0, 0.3), exponential_kernel(0.5)])
def test_the_measured_law_is_the_one_that_was_drawn(excess: float, kernel: tuple[float, ...]) -> None:
    scan = replace(QUIET, excess=excess, row_kernel=kernel)
    measured = measure(acquire(SMOOTH, scan=scan, rng=np.random.default_rng(3)))
    assert measured.holds
    assert measured.gain == pytest.approx(scan.noise.gain, rel=0.15)
    assert measured.offset == pytest.approx(scan.noise.offset, abs=0.08 * scan.noise.gain)
    lags = range(1, min(3, len(scan.noise.row_acf)))
    for lag in lags:
        found = measured.row_acf[lag] if len(measured.row_acf) > lag else 0.0
        assert found == pytest.approx(scan.noise.row_acf[lag], abs=0.04)
    assert bool(lags) == (len(kernel) > 1)


def test_the_law_is_measured_on_a_specimen_as_well_as_on_a_wedge() -> None:
    scan = Scan(69.0, read_noise=0.01, row_kernel=(0.28, 1.0, 0.28))
    clean = scene("spheres", (400, 400), np.random.default_rng(4))
    measured = measure(acquire(clean, scan=scan, rng=np.random.default_rng(5)))
    expected = float(np.sqrt(scan.noise.variance(clean).mean()))
    assert measured.sigma == pytest.approx(expected, rel=0.08)
    assert measured.row_acf[1] == pytest.approx(scan.noise.row_acf[1], abs=0.05)


def test_noise_has_no_mean_and_grows_with_the_signal_even_when_rows_are_correlated() -> None:
    noise = noise_of(replace(QUIET, row_kernel=exponential_kernel(0.6)))
    assert abs(float(noise.mean())) < 2e-3
    dark, bright = noise[20:60].var(), noise[-60:-20].var()
    assert bright / dark == pytest.approx(float((0.69 / 60 + 4e-4) / (0.21 / 60 + 4e-4)), rel=0.1)


def test_gain_noise_is_skewed_as_counting_is() -> None:
    flat = np.full((400, 400), 0.1, np.float32)
    noise = noise_of(Scan(50.0, read_noise=0.0, excess=0.5, bits=0), flat)
    skewness = float((noise**3).mean() / noise.std() ** 3)
    assert skewness > 1 / np.sqrt(5)


def test_a_digitised_frame_has_the_levels_of_its_bits() -> None:
    noisy = acquire(SMOOTH, scan=replace(QUIET, bits=8), rng=np.random.default_rng(0))
    np.testing.assert_allclose(noisy * 255, np.round(noisy * 255), atol=1e-4)


FAULTLESS = Scan(1e9, read_noise=0.0, bits=0)


@pytest.mark.parametrize(
    "scan",
    [replace(FAULTLESS, jitter_px=0.5), replace(FAULTLESS, flicker=0.02), replace(FAULTLESS, charging=0.5)],
    ids=["jitter", "flicker", "charging"],
)
def test_each_artefact_changes_whole_lines(scan: Scan) -> None:
    clean = scene("lines", (120, 200), np.random.default_rng(8))
    scanned = acquire(clean, scan=scan, rng=np.random.default_rng(1))
    rows = np.abs(scanned - clean).mean(axis=1)
    assert rows.max() > 3 * max(float(rows.min()), 1e-4)


def test_a_faultless_scan_shows_the_specimen() -> None:
    np.testing.assert_allclose(noise_of(Scan(1e10, read_noise=0.0, bits=0)), 0, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (7, 5)])
def test_small_frames_are_scanned_too_and_stay_in_range(shape: tuple[int, int]) -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        noisy = acquire(np.full(shape, 0.9, np.float32), scan=Scan.drawn(rng), rng=rng)
        assert noisy.shape == shape
        assert noisy.dtype == np.float32
        assert 0 <= noisy.min() <= noisy.max() <= 1


def test_the_generator_decides_all_and_the_specimen_is_untouched() -> None:
    clean = SMOOTH[:50].copy()
    clean.flags.writeable = False
    scan = Scan.drawn(np.random.default_rng(6))
    first, again = (acquire(clean, scan=scan, rng=np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_drawn_scans_span_the_family() -> None:
    rng = np.random.default_rng(0)
    scans = [Scan.drawn(rng) for _ in range(300)]
    doses = [scan.dose_e_per_px for scan in scans]
    assert 8 <= min(doses) < 12
    assert 170 < max(doses) <= 250
    white = sum(len(scan.row_kernel) == 1 for scan in scans) / len(scans)
    assert white == pytest.approx(0.25, abs=0.08)
    lag1 = [scan.noise.row_acf[1] for scan in scans if len(scan.row_kernel) > 1]
    assert min(lag1) < 0.15
    assert max(lag1) > 0.55
