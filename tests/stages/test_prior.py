from collections.abc import Callable

import cv2
import numpy as np
import pytest

from schemas.frame import Pixels
from schemas.prior import Prior
from schemas.scores import PriorUse
from stages.frame_law import law_of
from stages.noise import Noise
from stages.prior import LEAST_FRAMES, NoPrior, Origin, build
from tests.priors import frames
from tests.stages.scan import scanned

ORIGIN = Origin("sim-1", "sim", "fast")


def resampled(frame: Pixels) -> Pixels:
    return np.repeat(frame[::2], 2, axis=0)


@pytest.mark.parametrize(("electrons", "lag1"), [(20, 0.3), (60, 0.48), (250, 0.0)])
def test_twenty_frames_tell_the_law_of_their_instrument(electrons: float, lag1: float) -> None:
    built = build(frames(20, electrons=electrons, lag1=lag1), ORIGIN)
    assert built.gain == pytest.approx(1 / electrons, abs=2 * built.gain_spread)
    assert built.gain_spread < 0.15 * built.gain
    assert built.gain * built.grey + built.offset == pytest.approx(
        built.grey / electrons, abs=2 * built.variance_spread
    )
    assert built.variance_spread < 0.06 * built.grey / electrons
    assert (*built.row_acf, 0.0)[1] == pytest.approx(lag1, abs=0.01)
    assert (built.name, built.instrument_id, built.recipe) == ("sim-1", "sim", "fast")


def test_the_same_frames_give_the_same_prior_and_others_another() -> None:
    first, again, others = (build(frames(6, electrons=60, lag1=0.3, seed=seed), ORIGIN) for seed in (0, 0, 50))
    assert first == again
    assert first.hash != others.hash
    assert Prior.from_json(first.to_json()) == first


def test_frames_without_a_law_are_left_out_and_counted() -> None:
    good = list(frames(8, electrons=60, lag1=0.3))
    bad = [resampled(good[0]), good[2][:63, :63], np.full((64, 64), 0.5, np.float32), good[1][:10]]
    built = build([*bad, *good], ORIGIN)
    assert (built.frames, built.left_out) == (8, 4)
    assert built.but(left_out=0, hash="") == build(good, ORIGIN).but(hash="")


def test_some_frames_of_another_setting_do_not_move_it() -> None:
    good = list(frames(12, electrons=60, lag1=0.3))
    built = build([*good, *frames(2, electrons=15, lag1=0.3, seed=70)], ORIGIN)
    assert built.gain == pytest.approx(1 / 60, rel=0.06)


def counted(clean: Pixels, seed: int) -> Pixels:
    """Noise as skewed as that of counted electrons."""
    return scanned(clean, electrons=70, lag1=0.4, seed=seed)


def gaussian(clean: Pixels, seed: int) -> Pixels:
    """Noise of the same law, symmetric."""
    law = Noise(0.08, 1 / 70, 0.0, (1.0, 0.4), 0.0, 0.0, holds=True)
    return np.asarray(np.clip(clean + law.draw(clean, np.random.default_rng(seed)), 0, 1), np.float32)


def of_contrast(contrast: float, seed: int) -> Pixels:
    blobs = cv2.GaussianBlur(np.random.default_rng(seed).standard_normal((256, 256)), (0, 0), 6)
    return np.asarray(np.clip(0.4 + contrast * blobs / blobs.std(), 0.05, 0.95), np.float32)


@pytest.mark.parametrize("scan", [counted, gaussian])
@pytest.mark.parametrize("contrast", [0.0, 0.015, 0.03, 0.06, 0.1])
def test_frames_of_little_contrast_tell_the_gain_as_well_as_they_say(
    contrast: float, scan: Callable[[Pixels, int], Pixels]
) -> None:
    built = build([scan(of_contrast(contrast, seed), seed) for seed in range(20)], ORIGIN)
    assert built.gain == pytest.approx(1 / 70, abs=2 * built.gain_spread)
    assert built.offset == pytest.approx(0, abs=2 * built.offset_spread)
    assert built.gain * built.grey + built.offset == pytest.approx(0.4 / 70, rel=0.03)


@pytest.mark.parametrize("scan", [counted, gaussian])
def test_a_prior_of_frames_of_one_grey_makes_honest_frames_of_others_no_worse(
    scan: Callable[[Pixels, int], Pixels],
) -> None:
    built = build([scan(of_contrast(0.0, seed), seed) for seed in range(20)], ORIGIN)
    assert built.gain_spread > 0.3 * built.gain
    for grey in (0.1, 0.2, 0.6, 0.7):
        frame = scan(np.full((256, 256), grey, np.float32), 99)
        law, crop = law_of(frame, built), law_of(frame[:12, :64], built)
        assert (law.prior_use, crop.prior_use) == (PriorUse.COMBINED, PriorUse.ALONE)
        assert law.sigma == pytest.approx((grey / 70) ** 0.5, rel=0.03)
        assert crop.sigma == pytest.approx((grey / 70) ** 0.5, rel=0.1)


def test_flat_frames_of_one_law_at_many_greys_agree() -> None:
    flat = [np.full((128, 128), grey, np.float32) for grey in (0.2, 0.3, 0.4, 0.5, 0.6) * 3]
    built = build([gaussian(one, seed) for seed, one in enumerate(flat)], ORIGIN)
    assert built.gain == pytest.approx(1 / 70, rel=0.06)
    assert built.gain_spread < 0.1 * built.gain


def test_too_few_frames_with_a_law_are_an_error_that_says_why_the_others_have_none() -> None:
    good = list(frames(LEAST_FRAMES - 1, electrons=60, lag1=0.3))
    with pytest.raises(NoPrior, match=r"needs 5 frames whose noise law holds, and there are 4$"):
        build(good, ORIGIN)
    with pytest.raises(NoPrior, match="there are 4; of the others: neighbouring rows"):
        build([*good, resampled(good[0])], ORIGIN)
    with pytest.raises(NoPrior, match="there are 0"):
        build([], ORIGIN)


def test_laws_that_disagree_are_an_error() -> None:
    mixed = [frame for dose in (12, 40, 150) for frame in frames(4, electrons=dose, lag1=0.3)]
    with pytest.raises(NoPrior, match=r"laws disagree: at the grey 0\.\d+ the noise of the middle half of them is"):
        build(mixed, ORIGIN)
