from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.frame import Pixels
from stages.noise import MIN_SIDE_PX, Noise, measure
from tests.stages.scan import scanned, scene

KINDS = ("particles", "lines", "texture", "ramp")
SCAN = Noise(0.08, 0.012, 0.0004, (1.0, 0.48, 0.09), 0.0, 0.0, holds=True)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(KINDS),
    electrons=st.floats(15, 800),
    lag1=st.floats(0, 0.66),
    seed=st.integers(0, 2**32 - 1),
)
def test_sigma_is_within_eight_percent_and_the_correlation_within_a_twentieth_whatever_the_dose(
    kind: str, electrons: float, lag1: float, seed: int
) -> None:
    """15 electrons at full scale are some 5 electrons a pixel, 800 some 300."""
    clean = scene(kind, seed=seed % 97)
    noise = measure(scanned(clean, electrons=electrons, lag1=lag1, seed=seed))
    rounding = 1 / 255**2 / 12
    assert noise.sigma == pytest.approx((clean.mean() / electrons + rounding) ** 0.5, rel=0.08)
    assert (noise.row_acf[1] if len(noise.row_acf) > 1 else 0) == pytest.approx(lag1, abs=0.05)
    assert noise.holds


def test_sigma_is_right_on_the_average() -> None:
    ratios = []
    for seed, (kind, electrons, lag1) in enumerate(product(KINDS, (15, 60, 250), (0.0, 0.5))):
        clean = scene(kind, seed=seed)
        noise = measure(scanned(clean, electrons=electrons, lag1=lag1, seed=seed))
        ratios.append(noise.sigma / (clean.mean() / electrons) ** 0.5)
    assert np.mean(ratios) == pytest.approx(1, abs=0.012)
    assert np.std(ratios) < 0.02


@pytest.mark.parametrize("electrons", [30, 120])
def test_gain_is_one_over_the_electrons_of_full_scale(electrons: int) -> None:
    noise = measure(scanned(scene("ramp", height=400, width=400), electrons=electrons, bits=16))
    assert noise.gain == pytest.approx(1 / electrons, rel=0.08)
    assert noise.offset == pytest.approx(0, abs=0.03 / electrons)


@pytest.mark.parametrize("sigma_levels", [0.3, 0.6, 1.0, 3.0])
def test_noise_of_the_order_of_one_grey_level_is_measured_with_its_rounding(sigma_levels: float) -> None:
    clean = scene("ramp", height=256, width=256)
    noise = np.random.default_rng(0).normal(0, sigma_levels / 255, clean.shape)
    frame = (np.round((clean + noise) * 255) / 255).astype(np.float32)
    expected = (sigma_levels**2 + 1 / 12) ** 0.5 / 255
    assert measure(frame).sigma == pytest.approx(expected, rel=0.04)


def test_saturated_regions_do_not_bias_the_noise() -> None:
    clean = scene("ramp", height=256, width=256)
    clean[60:200, 40:180] = 1.1
    noise = measure(scanned(clean, electrons=60))
    assert noise.saturated > 0.2
    greys = np.array([[0.2, 0.4, 0.6]], np.float32)
    np.testing.assert_allclose(noise.variance(greys), greys / 60, rtol=0.1)


def strange_frames(height: int, width: int) -> dict[str, Pixels]:
    rng = np.random.default_rng(height * width)
    shape = (height, width)
    rows, columns = np.indices(shape)
    half = np.clip(0.5 + 0.1 * rng.standard_normal(shape), 0, 1)
    half[:, : (width + 1) // 2] = 1
    spike = np.full(shape, 0.3)
    spike[0, 0] = 1
    frames = {
        "uniform noise": rng.random(shape),
        "constant": np.full(shape, 0.5),
        "black": np.zeros(shape),
        "white": np.ones(shape),
        "black and white": rng.integers(0, 2, shape),
        "two greys": np.where(rng.random(shape) < 0.5, 0.2, 0.8),
        "half saturated": half,
        "over-exposed": np.clip(1 + 0.1 * rng.standard_normal(shape), 0, 1),
        "one bright pixel": spike,
        "checkerboard": (rows + columns) % 2 * 0.5 + 0.2,
        "stripes": rows % 2 * 0.5 + 0.2,
        "ramp": columns / width,
        "denormal": 1e-40 * rng.random(shape),
    }
    return {name: np.asarray(frame, np.float32) for name, frame in frames.items()}


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (30000, 2), (16, 16), (16, 17), (900, 16)])
def test_any_shape_and_content_gives_a_finite_law_or_says_why_there_is_none(shape: tuple[int, int]) -> None:
    for name, frame in strange_frames(*shape).items():
        frame.flags.writeable = False
        noise = measure(frame)
        assert np.isfinite([noise.sigma, noise.gain, noise.offset, *noise.row_acf, noise.column_lag1]).all(), name
        assert noise.row_acf[0] == 1
        assert noise.holds == (noise.why_not is None), name
        assert noise.sigma > 0 or not noise.holds, name
        assert np.isfinite(noise.variance(frame)).all()
        assert np.isfinite(noise.draw(frame, np.random.default_rng(0))).all()


@pytest.mark.parametrize("side", [1, MIN_SIDE_PX - 1])
def test_frames_with_a_short_side_have_no_law(side: int) -> None:
    noise = measure(np.random.default_rng(0).random((side, 400), np.float32))
    assert not noise.holds
    assert noise.why_not is not None
    assert f"{side} px" in noise.why_not


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("constant", "no noise"),
        ("ramp", "no noise"),
        ("black and white", "100% of the pixels are clipped"),
        ("checkerboard", "rows alternate"),
        ("stripes", "rows alternate"),
    ],
)
def test_frames_without_measurable_noise_say_so(name: str, reason: str) -> None:
    noise = measure(strange_frames(64, 64)[name])
    assert not noise.holds
    assert reason in str(noise.why_not)


def test_a_resampled_frame_is_recognised_by_its_correlated_rows() -> None:
    frame = scanned(scene(), electrons=60)
    assert measure(frame).holds
    resampled = np.clip(cv2.resize(frame, None, fx=1.7, fy=1.7, interpolation=cv2.INTER_CUBIC), 0, 1)
    noise = measure(resampled.astype(np.float32))
    assert not noise.holds
    assert "rows are correlated" in str(noise.why_not)


@pytest.mark.parametrize("kind", ["line", "time"])
@pytest.mark.parametrize("field", [29, 33])
def test_real_fast_scans_read_as_their_clean_pairs_say(shared_data: Path, kind: str, field: int) -> None:
    grey = tifffile.imread(shared_data / "pairs" / kind / f"noisy_{field:03d}.tif")
    noise = measure(np.asarray(grey / 255, np.float32))
    assert noise.holds
    assert noise.gain == pytest.approx(0.0145, abs=0.0015)
    assert noise.row_acf[1:3] == pytest.approx((0.48, 0.09), abs=0.02)
    assert noise.column_lag1 == pytest.approx(-0.1, abs=0.06)


@pytest.mark.parametrize("noise", [SCAN, measure(scanned(scene(), electrons=40))], ids=["given", "measured"])
def test_drawn_noise_follows_the_law_and_is_measured_back(noise: Noise) -> None:
    mean = scene("ramp", height=512, width=512)
    drawn = noise.draw(mean, np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(0, abs=0.002)
    assert np.mean(drawn**2) == pytest.approx(noise.variance(mean).mean(), rel=0.02)
    unit = drawn / np.sqrt(noise.variance(mean))
    lags = [float(np.mean(unit[:, lag:] * unit[:, : 512 - lag])) for lag in range(4)]
    assert lags == pytest.approx([*noise.row_acf, 0, 0, 0][:4], abs=0.02)
    assert np.mean(unit[1:] * unit[:-1]) == pytest.approx(0, abs=0.01)
    again = measure(np.asarray(np.clip(mean + drawn, 0, 1), np.float32))
    assert again.sigma == pytest.approx(float(noise.variance(mean).mean()) ** 0.5, rel=0.03)


@pytest.mark.parametrize("width", [1, 2, 3, 16, 17, 500])
def test_the_power_along_a_row_is_positive_and_one_on_the_average(width: int) -> None:
    half = SCAN.row_psd(width)
    full = [*half, *half[1 : (width + 1) // 2]]
    assert len(full) == width
    assert np.mean(full) == pytest.approx(1)
    assert min(full) > 0


def test_scaling_multiplies_the_variance_and_nothing_else() -> None:
    mean = scene()
    doubled = SCAN.scaled(2)
    np.testing.assert_allclose(doubled.variance(mean), 2 * SCAN.variance(mean), rtol=1e-6)
    assert doubled.row_acf == SCAN.row_acf


def test_the_record_says_the_same() -> None:
    noise = measure(scanned(scene(), electrons=60, lag1=0.4))
    assert Noise.of_record(noise.to_record()) == noise


def uprights(pitch: int, *, rough: float = 0.0) -> Pixels:
    """Vertical lines as wide as the spaces between them, whose edges wander by ``rough`` px over some 8 rows."""
    wander = cv2.GaussianBlur(np.random.default_rng(pitch).standard_normal((256, 256)), (1, 0), sigmaX=0.01, sigmaY=8)
    x = np.arange(256)[None] + rough * (wander / wander.std()).repeat(pitch // 2, axis=1)[:, :256]
    lines = np.clip((pitch / 4 - np.abs(np.mod(x, pitch) - pitch / 2)) / 1.5 + 0.5, 0, 1)
    return np.asarray(cv2.GaussianBlur(0.3 + 0.3 * lines, (0, 0), 1.0), np.float32)


def in_noise(clean: Pixels, sigma: float) -> Pixels:
    noise = np.random.default_rng(7).normal(0, sigma, clean.shape)
    return np.asarray(np.clip(clean + noise, 0, 1), np.float32)


@pytest.mark.parametrize("rough", [0.0, 0.8])
@pytest.mark.parametrize("pitch", [6, 8, 12, 16, 24])
@pytest.mark.parametrize("sigma", [0.01, 0.03, 0.05, 0.08])
def test_dense_vertical_lines_do_not_pass_for_correlated_rows(pitch: int, sigma: float, rough: float) -> None:
    noise = measure(in_noise(uprights(pitch, rough=rough), sigma))
    assert noise.holds
    assert noise.sigma == pytest.approx(sigma, rel=0.03)
    assert abs(noise.column_lag1) <= 0.25


@pytest.mark.parametrize("pitch", [8, 16])
def test_vertical_lines_hide_neither_correlated_rows_nor_a_fine_horizontal_grating(pitch: int) -> None:
    frame = in_noise(uprights(pitch), 0.03)
    rows = np.arange(256)[:, None]
    enlarged = [cv2.resize(frame, (256, 384), interpolation=how) for how in (cv2.INTER_LINEAR, cv2.INTER_CUBIC)]
    for bad in (*enlarged, (frame[1:] + frame[:-1]) / 2, np.repeat(frame[::2], 2, axis=0)):
        found = measure(np.asarray(np.clip(bad, 0, 1), np.float32))
        assert (found.holds, "rows are correlated" in str(found.why_not)) == (False, True)
    for period in (2.0, 2.2, 2.5, 2.8):
        found = measure(np.asarray(frame + 0.05 * (np.sin(2 * np.pi * rows / period + 0.3) > 0), np.float32))
        assert (found.holds, "rows alternate" in str(found.why_not)) == (False, True), period


def sharpened(by: float) -> Pixels:
    noise = cv2.filter2D(
        np.random.default_rng(11).standard_normal((192, 192)),
        -1,
        np.array([[-by, 1, -by]]),
        borderType=cv2.BORDER_REFLECT,
    )
    return np.asarray(np.clip(scene("texture", height=192, width=192) + 0.06 * noise / noise.std(), 0, 1), np.float32)


def test_a_frame_sharpened_along_its_rows_says_so_and_what_to_do() -> None:
    for by in (0.2, 0.5, 0.9):
        noise = measure(sharpened(by))
        assert not noise.holds
        assert "sharpening should be switched off" in str(noise.why_not)
    assert measure(sharpened(0.05)).holds


def test_chance_does_not_pass_for_sharpening_in_small_frames() -> None:
    for seed in range(60):
        for side in (16, 24, 40):
            found = measure(scanned(scene("ramp", height=side, width=side), electrons=60, seed=seed))
            assert "sharpening" not in str(found.why_not)


def grating(period: float, contrast: float, *, tilt: float = 0.0) -> Pixels:
    rows, columns = np.indices((256, 256))
    bright = np.sin(2 * np.pi * (rows + tilt * columns) / period + 0.3) > 0
    return np.asarray(0.45 + contrast * (2.0 * bright - 1), np.float32)


@pytest.mark.parametrize("period", [2.0, 2.5, 3.0, 4.0, 6.0, 9.0])
@pytest.mark.parametrize("contrast", [0.02, 0.1, 0.25])
@pytest.mark.parametrize("lag1", [0.0, 0.5])
def test_a_horizontal_grating_is_no_noise(period: float, contrast: float, lag1: float) -> None:
    clean = grating(period, contrast)
    noise = measure(scanned(clean, electrons=40, lag1=lag1))
    assert noise.sigma == pytest.approx((clean.mean() / 40) ** 0.5, rel=0.08)
    assert (noise.row_acf[1] if len(noise.row_acf) > 1 else 0) == pytest.approx(lag1, abs=0.06)


@pytest.mark.parametrize("contrast", [0.05, 0.1, 0.25])
def test_a_grating_of_less_than_three_rows_is_told_and_one_of_more_is_not_refused(contrast: float) -> None:
    for period in (2.0, 2.2, 2.5, 2.8):
        found = measure(scanned(grating(period, contrast), electrons=40))
        assert (found.holds, "too fine" in str(found.why_not)) == (False, True), period
    for period in (3.5, 4.0, 5.0, 6.0, 8.0, 12.0):
        assert measure(scanned(grating(period, contrast), electrons=40)).holds, period


def test_a_narrow_frame_has_no_stretches_and_is_measured_as_it_is() -> None:
    clean = scene("ramp", height=400, width=100)
    assert measure(scanned(clean, electrons=60)).sigma == pytest.approx((clean.mean() / 60) ** 0.5, rel=0.08)


def test_flicker_of_whole_rows_is_measured_beside_the_noise() -> None:
    clean = scene("particles", height=300, width=300)
    for flicker in (0.0, 0.01, 0.03):
        rows = flicker * np.random.default_rng(3).standard_normal((300, 1))
        noise = measure(scanned((clean + rows).astype(np.float32), electrons=60))
        assert noise.flicker == pytest.approx(flicker, abs=0.002 + 0.15 * flicker)
        assert noise.sigma == pytest.approx((clean.mean() / 60) ** 0.5, rel=0.05)


def test_dark_tails_on_some_lines_are_counted() -> None:
    clean = scene("ramp", height=300, width=300)
    assert measure(scanned(clean, electrons=60)).charging < 0.002
    charged = clean.copy()
    charged[20::30, 150:] -= 0.1
    assert measure(scanned(charged, electrons=60)).charging == pytest.approx(
        3 / 5 / 30, rel=0.2
    )  # of five stretches in a row three lie in the tail


def test_the_standard_error_of_sigma_is_what_its_error_is() -> None:
    misses = []
    for seed, (kind, electrons, lag1) in enumerate(product(KINDS, (15, 60, 250), (0.0, 0.3, 0.6))):
        clean = scene(kind, seed=seed)
        noise = measure(scanned(clean, electrons=electrons, lag1=lag1, seed=seed))
        misses.append((noise.sigma - (clean.mean() / electrons) ** 0.5) / noise.errors.sigma)
    assert np.mean(np.abs(misses) < 2) >= 0.85
    assert 0.4 < np.std(misses) < 1.5
    small = measure(scanned(scene("ramp", height=40, width=40), electrons=60)).errors.sigma
    assert small > 1.5 * measure(scanned(scene("ramp", height=256, width=256), electrons=60)).errors.sigma
