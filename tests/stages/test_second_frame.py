from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from schemas.frame import Pixels
from schemas.scores import Judge, Risk
from stages.drift import Drift
from stages.filter.average import risk_of_average
from stages.frame_law import law_of
from stages.noise import Noise, measure
from stages.prior import Origin, build
from stages.registration import Alignment
from stages.risk import assess_all, trials_of
from stages.second_frame import SecondFrame, Unusable, noise_kept, second_frame_of
from stages.stage import Restore

SCAN = Noise(0.08, 0.012, 0.0004, (1.0, 0.48, 0.09), 0.0, 0.0, holds=True)
WHITE = Noise(0.08, 0.012, 0.0004, (1.0,), 0.0, 0.0, holds=True)
BOTH = pytest.mark.parametrize("noise", [SCAN, WHITE], ids=["row-correlated", "white"])
DRIFT = (2.5, -3.3)


def scene(side: int = 256) -> Pixels:
    """Round grains between 0.25 and 0.7, as sharp as a beam of 1.5 px makes them."""
    rough = cv2.GaussianBlur(np.random.default_rng(8).standard_normal((side, side)), (0, 0), 6)
    grains = cv2.GaussianBlur(np.where(rough > 0, 0.65, 0.3), (0, 0), 1.5)
    return np.asarray(grains, np.float32)


def noisy(clean: Pixels, noise: Noise, seed: int) -> Pixels:
    return np.asarray(np.clip(clean + noise.draw(clean, np.random.default_rng(seed)), 0, 1))


def moved(clean: Pixels, drift: tuple[float, float] = DRIFT) -> Pixels:
    return Alignment(np.eye(2), np.array(drift)).warp(clean)


def two_frames(noise: Noise, seed: int = 0) -> tuple[Pixels, SecondFrame]:
    first, second = noisy(scene(), noise, 2 * seed), noisy(moved(scene()), noise, 2 * seed + 1)
    found = second_frame_of(first, second, measure(first))
    assert isinstance(found, SecondFrame)
    return first, found


def blur(sigma: float) -> Restore:
    return lambda frames, _: [np.asarray(cv2.GaussianBlur(f, (0, 0), sigma), np.float32) for f in frames]


def unchanged(frames: Sequence[Pixels], _: Sequence[Noise]) -> list[Pixels]:
    return list(frames)


def risk_of(restore: Restore, first: Pixels, second: SecondFrame, noise: Noise) -> Risk:
    restored = restore([first], [noise])
    return assess_all(restore, [first], [noise], ["image"], restored=restored, judges=[second])[0]


def why_not(first: Pixels, second: Pixels) -> str:
    found = second_frame_of(first, second, measure(first))
    assert isinstance(found, Unusable)
    return found.why_not


@BOTH
@pytest.mark.parametrize("sigma", [0.0, 0.7, 1.5, 4.0])
def test_the_risk_is_the_true_error_within_its_standard_error(noise: Noise, sigma: float) -> None:
    restore = blur(sigma) if sigma else unchanged
    misses, errors = [], []
    for seed in range(6):
        first, second = two_frames(noise, seed)
        truth = np.square(restore([first], [noise])[0] - scene())[second.scored].mean()
        risk = risk_of(restore, first, second, noise)
        misses.append(risk.value - truth)
        errors.append(risk.se)
    assert np.abs(misses).max() < 2.5 * np.mean(errors)
    assert abs(np.mean(misses)) < np.mean(errors)


@BOTH
def test_the_risk_of_the_average_is_its_true_error(noise: Noise) -> None:
    for seed in range(4):
        first, second = two_frames(noise, seed)
        truth = np.square(second.averaged_with(first) - scene())[second.scored].mean()
        risk = risk_of_average(first, second, noise, seed="image")
        assert risk.value == pytest.approx(truth, rel=0.04)
        assert risk.by is Judge.SECOND_FRAME
        assert len(risk.blocks) == len(risk_of(unchanged, first, second, noise).blocks)


def test_a_drift_that_was_missed_counts_as_error_of_the_average() -> None:
    first, second = two_frames(WHITE)
    off = SecondFrame(moved(second.pixels, (0.0, 1.5)), *(getattr(second, n) for n in list(vars(second))[1:]))
    truth = np.square(off.averaged_with(first) - scene())[off.scored].mean()
    risk, right = (risk_of_average(first, one, WHITE, seed="image").value for one in (off, second))
    assert risk > 1.03 * right
    assert risk == pytest.approx(truth, rel=0.1)


@BOTH
@pytest.mark.parametrize("drift", [(0.5, 0.5), (0.2, -0.3), (3.0, 0.5)])
def test_interpolation_leaves_the_share_of_the_noise_that_is_said(noise: Noise, drift: tuple[float, float]) -> None:
    flat = np.full((400, 400), 0.5, np.float32)
    plain = noise.draw(flat, np.random.default_rng(3))
    kept = moved(plain, drift)[5:-5, 5:-5].var() / plain.var()
    assert noise_kept(np.array(drift), noise) == pytest.approx(kept, rel=0.02)


def test_a_second_frame_costs_no_run_of_the_method_on_recorrupted_windows() -> None:
    first, second = two_frames(SCAN)
    given: list[int] = []

    def counting(frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        given.append(len(frames))
        return unchanged(frames, noises)

    windows = len(trials_of(first, SCAN, "image"))
    for seconds in ([None], [second]):
        assess_all(counting, [first], [SCAN], ["image"], restored=[first], judges=seconds)
    assert given == [2 * windows, windows]


def test_images_with_and_without_a_second_frame_may_be_assessed_together() -> None:
    first, second = two_frames(SCAN)
    restored = blur(1.0)([first, first], [SCAN, SCAN])
    risks = assess_all(blur(1.0), [first] * 2, [SCAN] * 2, ["image"] * 2, restored=restored, judges=[None, second])
    assert [risk.by for risk in risks] == [Judge.RECORRUPTION, Judge.SECOND_FRAME]
    assert risks[0] == assess_all(blur(1.0), [first], [SCAN], ["image"], restored=restored[:1])[0]
    assert risks[1] == risk_of(blur(1.0), first, second, SCAN)
    assert risks[0].row_j == risks[1].row_j


def test_a_second_frame_that_is_darker_all_over_says_the_same() -> None:
    first, other = noisy(scene(), WHITE, 1), noisy(moved(scene()), WHITE, 2)
    second, darker = (second_frame_of(first, one, measure(first)) for one in (other, other - np.float32(0.04)))
    assert isinstance(second, SecondFrame)
    assert isinstance(darker, SecondFrame)
    plain, dark = (risk_of(blur(1.5), first, one, WHITE).value for one in (second, darker))
    assert dark == pytest.approx(plain, abs=0.02 * WHITE.sigma**2)


def test_what_the_second_frame_does_not_show_is_not_scored_and_stays_as_it_was() -> None:
    first, second = two_frames(WHITE)
    unseen = ~second.covered
    assert unseen[-3:].all()
    assert unseen[:, :4].all()
    assert not second.scored[unseen].any()
    assert np.array_equal(second.averaged_with(first)[unseen], first[unseen])


def test_clipped_regions_are_not_scored() -> None:
    clean = scene()
    clean[100:160] = 1.0
    first, other = noisy(clean, WHITE, 1), noisy(moved(clean), WHITE, 2)
    second = second_frame_of(first, other, measure(first))
    assert isinstance(second, SecondFrame)
    assert not second.scored[105:155].any()
    assert second.scored[20:80, 20:-20].all()


def test_a_copy_and_a_running_average_share_their_noise_and_cannot_judge() -> None:
    first, other = noisy(scene(), WHITE, 1), noisy(scene(), WHITE, 2)
    assert "a copy, or frames of a running average" in why_not(first, first)
    assert "a copy, or frames of a running average" in why_not(first, np.asarray(0.5 * first + 0.5 * other))


def test_frames_of_different_things_cannot_judge_each_other() -> None:
    first = noisy(scene(), WHITE, 1)
    assert "field, or another one" in why_not(first, noisy(scene().T.copy(), WHITE, 2))
    assert "they do not show the same" in why_not(first, noisy(scene()[::-1].copy(), WHITE, 2))


def test_a_frame_of_another_shape_or_without_a_noise_law_cannot_judge() -> None:
    first = noisy(scene(), WHITE, 1)
    assert why_not(first, first[:200]) == "the second frame is 256 x 200 px, the first 256 x 256"
    assert "noise of the second frame cannot be described: no noise" in why_not(first, np.full_like(first, 0.5))


def test_a_frame_that_is_found_to_show_less_than_half_of_the_field_cannot_judge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stages.second_frame.drift_between", lambda *_: Drift(np.array([100.0, 100.0]), told=True))
    first, other = noisy(scene(), WHITE, 1), noisy(scene(), WHITE, 2)
    assert why_not(first, other) == "the second frame shows 37% of the first one's field, or another one"


def test_a_drift_of_a_third_of_the_frame_is_found() -> None:
    wide = scene(512)
    first, other = noisy(wide[:256, :256].copy(), WHITE, 1), noisy(wide[:256, 85:341].copy(), WHITE, 2)
    second = second_frame_of(first, other, measure(first))
    assert isinstance(second, SecondFrame)
    assert second.drift == pytest.approx((0, -85), abs=0.1)


def sparse() -> Pixels:
    """Five faint discs near the sides, which one frame shows at 5 to 6 standard errors each and no two at a glance."""
    clean = np.full((256, 256), 0.4, np.float32)
    for place in ((24, 20), (230, 24), (26, 232), (236, 236), (20, 128)):
        cv2.circle(clean, place, 5, 0.45, -1, cv2.LINE_AA)
    return clean


@pytest.mark.parametrize("drift", [(0, 0), (5, -9)])
def test_frames_that_cannot_tell_their_drift_never_prefer_what_erases_all(drift: tuple[int, int]) -> None:
    clean, erased = sparse(), np.full((256, 256), 0.4, np.float32)
    for seed in range(6):
        first, other = noisy(clean, SCAN, 2 * seed), noisy(np.roll(clean, drift, (0, 1)), SCAN, 2 * seed + 1)
        second = second_frame_of(first, other, measure(first))
        if isinstance(second, SecondFrame):
            truth, nothing = (
                assess_all(unchanged, [first], [SCAN], ["image"], restored=[one], judges=[second])[0].value
                for one in (clean, erased)
            )
            assert truth < nothing
        else:
            assert (
                "too little through their noise to tell how far the stage drifted: scan them longer" in second.why_not
            )


def test_the_feeds_prior_helps_a_second_frame_that_is_too_small_to_tell_its_noise() -> None:
    prior = build([noisy(np.full((96, 96), 0.3 + 0.02 * n, np.float32), SCAN, n) for n in range(8)], Origin("feed"))
    clean = np.full((14, 96), 0.4, np.float32)
    clean[:, 40:60] = 0.7
    first, other = noisy(clean, SCAN, 20), noisy(clean, SCAN, 21)
    law = law_of(first, prior)
    assert "shorter side is 14 px" in getattr(second_frame_of(first, other, law), "why_not", "")
    found = second_frame_of(first, other, law, prior)
    assert isinstance(found, SecondFrame)
    assert found.noise.sigma == pytest.approx(law.sigma, rel=0.02)
