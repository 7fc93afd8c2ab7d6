"""The evidence map counts standard deviations of the noise, and finds what was erased or planted."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.frame import Pixels
from stages.evidence import RARE, SCALES_PX, Evidence, EvidenceMap, rarity
from stages.noise import Noise

LAWS = {
    "white": Noise(0.06, 0.0, 0.0036, (1.0,), 0.0, 0.0, holds=True),
    "shot": Noise(0.05, 0.006, 0.0, (1.0,), 0.0, 0.0, holds=True),
    "scan": Noise(0.07, 0.011, 0.0005, (1.0, 0.48, 0.09), 0.0, 0.0, holds=True),
    "long": Noise(0.05, 0.004, 0.0005, (1.0, 0.7, 0.5, 0.35, 0.2, 0.1), 0.0, 0.0, holds=True),
}
LAW = LAWS["scan"]


def specimen(height: int = 200, width: int = 240) -> Pixels:
    y, x = np.mgrid[:height, :width]
    return np.asarray(0.45 + 0.1 * np.sin(x / 23) * np.cos(y / 31), np.float32)


def scan(clean: Pixels, seed: int = 0, law: Noise = LAW) -> Pixels:
    return np.asarray(clean + law.draw(clean, np.random.default_rng(seed)), np.float32)


def disc(shape: tuple[int, int], x: int, y: int, radius: float) -> Pixels:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = (np.hypot(rows - y, columns - x) <= radius).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(inside, (0, 0), 0.7), np.float32)


def compared(raw: Pixels, restored: Pixels, law: Noise = LAW) -> EvidenceMap:
    evidence = Evidence.of(raw, law)
    assert evidence is not None
    return evidence(restored)


def unweighted(found: EvidenceMap) -> list[Pixels]:
    """Of every scale, without what its rarity adds."""
    area = found.z.size
    return [z / rarity(scale, area) for scale, z in zip(SCALES_PX, found.of_scale, strict=True)]


@pytest.mark.parametrize("name", LAWS)
def test_noise_of_the_law_has_unit_variance_at_every_scale_and_at_the_border(name: str) -> None:
    clean = specimen()
    maps = [unweighted(compared(scan(clean, seed, LAWS[name]), clean, LAWS[name])) for seed in range(30)]
    for scale in range(len(SCALES_PX)):
        z = np.stack([each[scale] for each in maps])
        assert z.std() == pytest.approx(1, abs=0.03)
        assert z.mean() == pytest.approx(0, abs=0.1)
        assert 0.8 < z[:, :3].std() < 1.1
        assert 0.8 < z[:, :, -3:].std() < 1.1


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    height=st.integers(16, 300),
    width=st.integers(16, 300),
    lag1=st.floats(0, 0.6),
    gain=st.floats(0, 0.01),
    seed=st.integers(0, 99),
)
def test_a_frame_of_any_size_disagrees_with_its_truth_by_noise_only(
    height: int, width: int, lag1: float, gain: float, seed: int
) -> None:
    law = Noise(0.05, gain, 0.0025, (1.0, lag1), 0.0, 0.0, holds=True)
    clean = specimen(height, width)
    found = compared(scan(clean, seed, law), clean, law)
    assert all(z.shape == (height, width) and np.isfinite(z).all() for z in found.of_scale)
    assert found.largest < 6.5
    if height * width > 10_000:
        assert 0.8 < float(np.std(unweighted(found)[0])) < 1.2


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    x=st.integers(12, 220),
    y=st.integers(12, 180),
    radius=st.sampled_from([2, 3, 5, 8]),
    bright=st.booleans(),
    erased=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_disc_planted_or_erased_is_found_at_its_place(
    *, x: int, y: int, radius: int, bright: bool, erased: bool, seed: int
) -> None:
    clean = specimen()
    feature = disc(clean.shape, x, y, radius) * np.float32((0.35 if radius < 3 else 0.2) * (1 if bright else -1))
    raw = scan(clean + feature if erased else clean, seed)
    first = compared(raw, clean if erased else clean + feature).findings()[0]
    assert np.hypot(first.x - x, first.y - y) <= radius
    assert (first.z > 0) == (bright == erased)
    assert ("bright erased" in first.meaning) == (first.z > 0)


def test_the_widest_filter_finds_the_widest_disc() -> None:
    clean = specimen()
    scales = [
        compared(scan(clean), clean + np.float32(0.3) * disc(clean.shape, 100, 90, radius)).findings()[0].scale_px
        for radius in (1.5, 8)
    ]
    assert scales == [SCALES_PX[0], SCALES_PX[-1]]


def test_the_raw_frame_itself_and_honest_restorations_have_no_finding() -> None:
    raw = scan(specimen())
    same = compared(raw, raw)
    assert (same.largest, same.share, same.findings()) == (0, 0, [])
    assert not same.z.any()
    assert compared(raw, np.asarray(cv2.GaussianBlur(raw, (0, 0), 2), np.float32)).findings() == []


def test_two_features_are_two_findings_the_stronger_first() -> None:
    clean = specimen()
    planted = clean + 0.3 * disc(clean.shape, 60, 50, 5) - 0.12 * disc(clean.shape, 160, 120, 5)
    found = compared(scan(clean), np.asarray(planted, np.float32))
    first, second = found.findings(5)
    assert (round(first.x, -1), round(first.y, -1), first.z < 0) == (60, 50, True)
    assert (round(second.x, -1), round(second.y, -1), second.z > 0) == (160, 120, True)
    assert 0 < found.share < 0.02


def test_nothing_is_found_where_the_detector_was_saturated() -> None:
    clean = specimen()
    clean[60:140, 80:160] = 1.3
    clean[:40] = -0.2
    raw = np.clip(scan(clean), 0, 1)
    restored = np.clip(clean, 0, 1)
    assert compared(raw, restored).findings(5.5) == []
    restored[90:110, 110:130] = 0.4
    restored[5:20, 50:70] = 0.5
    assert compared(raw, restored).findings(5.5) == []


def test_what_could_be_compared_is_told() -> None:
    raw = scan(specimen())
    half = raw.copy()
    half[: len(half) // 2] = 1.0
    covered = [prepared.covered for frame in (raw, half) if (prepared := Evidence.of(frame, LAW)) is not None]
    assert covered == [pytest.approx(1, abs=0.01), pytest.approx(0.5, abs=0.05)]
    map_of_half = compared(half, specimen())
    assert not map_of_half.compared[: len(half) // 3].any()
    assert not map_of_half.z[~map_of_half.compared].any()


def test_what_a_wider_filter_alone_could_compare_counts_as_compared() -> None:
    raw = scan(specimen())
    raw[np.random.default_rng(3).random(raw.shape) < 0.045] = 1.0
    found = compared(raw, np.full_like(raw, 0.2))
    by_the_finest = found.of_scale[0] != 0
    assert (found.compared & ~by_the_finest).sum() > 100
    assert not found.z[~found.compared].any()


def test_there_is_no_evidence_where_the_noise_follows_no_law() -> None:
    silent = Noise(0.0, 0.0, 0.0, (1.0,), 0.0, 0.0, holds=False)
    assert Evidence.of(specimen(), silent) is None


def test_shot_noise_of_few_electrons_is_not_taken_for_bright_flashes() -> None:
    """Poisson noise of 10 electrons is skewed by 0.32; counted as Gaussian, nearly every frame exceeds 4.8."""
    clean = np.full((400, 400), 0.4, np.float32)
    law = Noise(0.126, 0.04, 0.0, (1.0,), 0.0, 0.0, holds=True)
    largest = []
    for seed in range(12):
        raw = np.asarray(np.random.default_rng(seed).poisson(clean / 0.04) * 0.04, np.float32)
        largest.append(compared(raw * 0.99, clean * np.float32(0.99), law).largest)
    assert np.median(largest) < RARE


def test_a_frame_is_as_rarely_convicted_whatever_its_size() -> None:
    beyond = {}
    for side, frames in ((128, 64), (512, 8)):
        clean = np.full((side, side), 0.5, np.float32)
        found = [compared(scan(clean, seed, LAWS["white"]), clean, LAWS["white"]).largest for seed in range(frames)]
        beyond[side] = float(np.median(found))
    assert beyond[128] == pytest.approx(beyond[512], abs=0.35)


def test_the_inputs_are_left_as_they_are() -> None:
    raw, clean = scan(specimen()), specimen()
    for frame in (raw, clean):
        frame.flags.writeable = False
    compared(raw, clean)
