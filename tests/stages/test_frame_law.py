from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from schemas.frame import Pixels
from schemas.prior import Prior
from schemas.scores import PriorUse
from stages.frame_law import LEAST_SIDE_PX, View, law_of
from stages.noise import measure
from stages.prior import Origin, build
from tests.priors import KINDS, frames
from tests.stages.scan import scanned, scene

ELECTRONS, LAG1 = 60.0, 0.48
Made = tuple[Pixels, Pixels]


@pytest.fixture(scope="module")
def prior() -> Prior:
    return build(frames(20, electrons=ELECTRONS, lag1=LAG1), Origin("sim-1"))


def scan(clean: Pixels, number: int) -> Made:
    clean = np.asarray(clean, np.float32)
    return scanned(clean, electrons=ELECTRONS, lag1=LAG1, seed=7000 + number), np.clip(clean, 0, 1)


def sized(height: int, width: int) -> Callable[[int], Made]:
    return lambda number: scan(scene(KINDS[number % 4], height=height, width=width, seed=500 + number), number)


def half_white(number: int) -> Made:
    clean = scene(KINDS[number % 4], height=128, width=128, seed=900 + number)
    clean[:, :64] = 1.3
    return scan(clean, number)


def over_exposed(number: int) -> Made:
    return scan(0.35 * scene(KINDS[number % 4], height=128, width=128, seed=900 + number) + 0.78, number)


def one_grey(number: int) -> Made:
    return scan(np.full((64, 64), 0.1 + 0.025 * number), number)


def misses(made: Callable[[int], Made], prior: Prior | None) -> tuple[float, float]:
    """Root mean square of the relative error of sigma, and of that of the gain; 1 where there is no law."""
    found = []
    for number in range(16):
        frame, clean = made(number)
        law = law_of(frame, prior)
        truth = float(clean.mean(dtype=np.float64) / ELECTRONS) ** 0.5
        found.append((law.sigma / truth - 1, law.gain * ELECTRONS - 1) if law.holds else (1.0, 1.0))
    sigma, gain = np.sqrt(np.mean(np.square(found), axis=0))
    return float(sigma), float(gain)


@pytest.mark.parametrize(
    ("made", "sigma_within", "gain_within"),
    [
        (sized(8, 60), 0.02, 0.05),
        (sized(12, 40), 0.02, 0.05),
        (sized(16, 16), 0.05, 0.1),
        (sized(24, 24), 0.03, 0.1),
        (sized(48, 48), 0.02, 0.15),
        (half_white, 0.03, 0.1),
        (over_exposed, 0.03, 0.1),
        (one_grey, 0.03, 0.1),
    ],
    ids=["8x60", "12x40", "16x16", "24x24", "48x48", "half white", "over-exposed", "one grey"],
)
def test_frames_that_say_too_little_are_known_better_with_the_prior(
    prior: Prior, made: Callable[[int], Made], sigma_within: float, gain_within: float
) -> None:
    (sigma, gain), (sigma_alone, gain_alone) = misses(made, prior), misses(made, None)
    assert sigma < min(sigma_within, 0.8 * sigma_alone)
    assert gain < min(gain_within, 0.8 * gain_alone)


def test_a_large_frame_speaks_for_itself(prior: Prior) -> None:
    for number in range(8):
        frame, _ = sized(256, 256)(number)
        own, law = measure(frame), law_of(frame, prior)
        assert law.prior_use is PriorUse.COMBINED
        assert abs(law.sigma - own.sigma) < own.errors.sigma
        assert law.errors.sigma < own.errors.sigma
        assert law.row_acf[1] == pytest.approx(own.row_acf[1], abs=own.errors.correlation)


def test_its_standard_error_is_what_the_error_of_sigma_is(prior: Prior) -> None:
    errors = []
    for number in range(16):
        for made in (sized(12, 40), sized(24, 24), half_white):
            frame, clean = made(number)
            law = law_of(frame, prior)
            errors.append((law.sigma - float(clean.mean() / ELECTRONS) ** 0.5) / law.errors.sigma)
    assert np.mean(np.abs(errors) < 2) >= 0.9


def test_the_slope_of_a_frame_that_is_black_in_parts_does_not_outweigh_the_priors() -> None:
    feed = build(frames(20, electrons=20.0, lag1=0.3), Origin("sim-20"))
    errors = []
    for number in (1, 7, 9, 13, 17, 19, 21):
        clean = (0.15 * scene(KINDS[number % 4], height=128, width=128, seed=900 + number) - 0.01).clip(0.003)
        frame = scanned(clean, electrons=20.0, lag1=0.3, seed=7000 + number)
        own, law = measure(frame), law_of(frame, feed)
        assert law.prior_use is PriorUse.COMBINED
        assert own.gain * 20 > 1.2
        errors.append([abs(one.sigma / float(clean.mean() / 20) ** 0.5 - 1) for one in (own, law)])
    assert np.max(errors, axis=0)[1] < 0.2
    assert np.mean(errors, axis=0)[1] < 0.14


@pytest.mark.parametrize("electrons", [20, 180])
def test_a_frame_of_another_dose_contradicts_and_keeps_its_own_law(prior: Prior, electrons: float) -> None:
    frame = scanned(scene("lines", height=192, width=192), electrons=electrons, lag1=LAG1)
    law = law_of(frame, prior)
    assert law.prior_use is PriorUse.CONTRADICTED
    assert "times what the feed's prior" in str(law.prior)
    assert replace(law, prior=None, prior_use=None) == measure(frame)


def test_a_correlated_or_alternating_frame_is_never_given_the_priors_law(prior: Prior) -> None:
    frame, _ = sized(128, 128)(0)
    doubled = np.repeat(frame[::2], 2, axis=0)
    stripes = np.clip(frame + 0.1 * (np.arange(128) % 2)[:, None], 0, 1).astype(np.float32)
    for bad in (doubled, stripes):
        assert law_of(bad, prior) == measure(bad)
        assert not measure(bad).holds


def test_nor_is_one_that_is_clipped_as_well(prior: Prior) -> None:
    dark = 0.08 + 0.12 * np.random.default_rng(5).standard_normal((64, 128))
    doubled = np.asarray(np.repeat(np.clip(dark, 0, 1), 2, axis=0), np.float32)
    assert View.of(doubled).obscured == "25% of the pixels are clipped"
    assert law_of(doubled, prior) == measure(doubled)
    assert "rows are correlated" in str(law_of(doubled, prior).why_not)


def test_a_sharpened_frame_is_not_given_the_priors_law(prior: Prior) -> None:
    frame, _ = sized(128, 128)(1)
    blurred = frame[:, 2:] + frame[:, :-2]
    sharp = np.asarray(np.clip(frame[:, 1:-1] - 0.7 * blurred + 0.6, 0, 1), np.float32)
    assert law_of(sharp, prior) == measure(sharp)
    assert "sharpened" in str(measure(sharp).why_not)


def test_where_there_is_no_noise_no_prior_makes_any(prior: Prior) -> None:
    for shape in ((64, 64), (12, 40)):
        law = law_of(np.full(shape, 0.5, np.float32), prior)
        assert not law.holds
        assert law.sigma == 0
        assert law.prior_use is PriorUse.CONTRADICTED


def test_what_is_smaller_than_any_method_knows_or_clipped_altogether_stays_without_a_law(prior: Prior) -> None:
    rng = np.random.default_rng(0)
    tiny, black_and_white = rng.random((LEAST_SIDE_PX - 1, 90)), rng.integers(0, 2, (64, 64))
    for frame in (tiny, black_and_white, np.zeros((64, 64)), np.ones((12, 12)), np.ones((1, 1))):
        law = law_of(np.asarray(frame, np.float32), prior)
        assert not law.holds
        assert law.prior_use is None


def test_a_law_of_the_prior_alone_says_so(prior: Prior) -> None:
    frame, _ = sized(12, 40)(0)
    law = law_of(frame, prior)
    assert law.holds
    assert law.why_not is None
    assert law.prior == f"the noise is that of the feed's prior {prior.ref}, for the frame's shorter side is 12 px"
    record = law.to_record()
    assert (record.prior, record.prior_use) == (law.prior, PriorUse.ALONE)
    assert law_of(frame, prior) == law


def test_without_a_prior_it_is_the_measured_law() -> None:
    for made in (sized(12, 40), sized(64, 64), half_white):
        frame, _ = made(0)
        assert law_of(frame, None) == measure(frame)
