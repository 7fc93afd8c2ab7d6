from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from schemas.frame import Pixels
from schemas.scores import Risk
from stages.estimate import VARIANCE_KNOWN_TO
from stages.noise import Noise
from stages.risk import (
    HIDDEN_EVERY_ROWS,
    MARGIN_PX,
    RECORRUPTION,
    assess,
    assess_all,
    trials_of,
)
from stages.stage import Restore

SCAN = Noise(0.08, 0.012, 0.0004, (1.0, 0.48, 0.09), 0.0, 0.0, holds=True)
WHITE = Noise(0.08, 0.012, 0.0004, (1.0,), 0.0, 0.0, holds=True)
STRENGTHS = (0.4, 0.8, 1.3, 2.0, 4.0)


def scene(height: int, width: int) -> Pixels:
    """Rings and a gradient, between 0.25 and 0.7."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    rings = np.sin(np.hypot(y - height / 3, x - width / 2) / 4)
    return np.asarray(0.4 + 0.1 * np.sign(rings) + 0.15 * x / width, np.float32)


def noisy(clean: Pixels, noise: Noise, seed: int = 1) -> Pixels:
    return np.asarray(np.clip(clean + noise.draw(clean, np.random.default_rng(seed)), 0, 1))


def blur(sigma: float) -> Restore:
    return lambda frames, _: [np.asarray(cv2.GaussianBlur(f, (0, 0), sigma), np.float32) for f in frames]


def unchanged(frames: Sequence[Pixels], _: Sequence[Noise]) -> list[Pixels]:
    return list(frames)


def squared_error(frame: Pixels, clean: Pixels) -> float:
    return float(((frame - clean) ** 2).mean())


@pytest.mark.parametrize("noise", [SCAN, WHITE], ids=["row-correlated", "white"])
def test_of_two_strengths_the_clearly_better_one_has_the_lower_risk(noise: Noise) -> None:
    clean = scene(320, 400)
    frame = noisy(clean, noise)
    risks = [assess(blur(s), frame, noise, seed="image").value for s in STRENGTHS]
    truths = [squared_error(blur(s)([frame], [noise])[0], clean) for s in STRENGTHS]
    clear = [(a, b) for a in range(len(STRENGTHS)) for b in range(len(STRENGTHS)) if truths[a] < 0.8 * truths[b]]
    assert len(clear) >= 6
    assert all(risks[better] < risks[worse] for better, worse in clear)


@pytest.mark.parametrize("noise", [SCAN, WHITE], ids=["row-correlated", "white"])
def test_the_risk_is_the_true_error_of_the_recorrupted_frame(noise: Noise) -> None:
    clean = scene(192, 192)
    again = noise.scaled(1 + RECORRUPTION**2)
    truth = np.mean([squared_error(blur(1.0)([noisy(clean, again, s)], [again])[0], clean) for s in range(8)])
    risks = [assess(blur(1.0), noisy(clean, noise, s), noise, seed=str(s)).value for s in range(8)]
    assert np.mean(risks) == pytest.approx(truth, rel=0.1)


def test_the_raw_frame_risks_its_noise_and_what_was_added() -> None:
    frame = noisy(scene(192, 192), SCAN)
    expected = (1 + RECORRUPTION**2) * float(SCAN.variance(scene(192, 192)).mean())
    assert assess(unchanged, frame, SCAN, seed="image", restored=frame).value == pytest.approx(expected, rel=0.1)


def test_knowing_the_restored_frame_makes_the_risk_steadier() -> None:
    frame = noisy(scene(320, 400), SCAN)
    restored = blur(0.8)([frame], [SCAN])[0]
    seeds = [str(s) for s in range(16)]

    def spread(known: Pixels | None) -> float:
        trials = [assess(blur(0.8), frame[:192, :192], SCAN, seed=s, restored=known).value for s in seeds]
        return float(np.std(trials))

    assert spread(restored[:192, :192]) < spread(None)


def test_a_hidden_pixel_is_predicted_from_nothing_that_shares_its_noise() -> None:
    clean = np.full((512, 512), 0.5, np.float32)
    frame = noisy(clean, SCAN)

    def along_rows(frames: Sequence[Pixels], _: Sequence[Noise]) -> list[Pixels]:
        return [np.asarray(cv2.blur(f, (3, 1)), np.float32) for f in frames]

    trials = trials_of(frame, SCAN, "image")
    errors = [((along_rows([t.hidden], [SCAN])[0] - 0.5) ** 2)[t.centres] for t in trials]
    risk = assess(along_rows, frame, SCAN, seed="image")
    assert risk.row_j == pytest.approx(float(np.concatenate(errors).mean()), abs=0.1 * SCAN.sigma**2)


def test_hidden_runs_leave_the_rows_above_and_below_to_see() -> None:
    frame = noisy(scene(192, 192), SCAN)
    changed_rows = [np.flatnonzero((t.hidden != t.seen).any(axis=1)) for t in trials_of(frame, SCAN, "image")]
    assert all((np.diff(rows) == HIDDEN_EVERY_ROWS).all() for rows in changed_rows)


def test_every_method_is_put_to_the_same_trials() -> None:
    frame = noisy(scene(320, 400), SCAN)
    seen: list[list[Pixels]] = []

    def watched(sigma: float) -> Restore:
        def restore(frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
            seen.append([f.copy() for f in frames])
            return blur(sigma)(frames, noises)

        return restore

    for sigma in (0.7, 2.0):
        assess(watched(sigma), frame, SCAN, seed="image")
    assert all(np.array_equal(a, b) for a, b in zip(*seen, strict=True))


def test_the_same_seed_gives_the_same_risk_and_another_seed_another() -> None:
    frame = noisy(scene(320, 400), SCAN)
    first, again, other = (assess(blur(1.0), frame, SCAN, seed=s) for s in ("a", "a", "b"))
    assert first == again
    assert first.value != other.value


def test_a_batch_gives_what_each_frame_gives_alone() -> None:
    frames = [noisy(scene(256, 300), SCAN, s) for s in range(3)]
    seeds = ["a", "b", "c"]
    together = assess_all(blur(1.0), frames, [SCAN] * 3, seeds)
    assert together == [assess(blur(1.0), f, SCAN, seed=s) for f, s in zip(frames, seeds, strict=True)]


@pytest.mark.parametrize("shape", [(200, 200), (415, 483), (512, 512), (1024, 768), (2000, 300)])
def test_at_most_a_quarter_of_a_frame_is_restored_again(shape: tuple[int, int]) -> None:
    trials = trials_of(np.full(shape, 0.5, np.float32), SCAN, "image")
    assert 0.05 < sum(t.seen.size for t in trials) / (shape[0] * shape[1]) <= 0.25
    assert len({t.seen.shape for t in trials}) == 1


def test_windows_do_not_overlap() -> None:
    covered = np.zeros((512, 640), int)
    for trial in trials_of(np.full(covered.shape, 0.5, np.float32), SCAN, "image"):
        covered[trial.window] += 1
    assert covered.max() == 1


def test_a_small_frame_is_scored_whole() -> None:
    (trial,) = trials_of(np.full((160, 180), 0.5, np.float32), SCAN, "image")
    assert trial.seen.shape == (160, 180)
    assert trial.scored.all()


def test_what_a_method_does_at_the_cut_sides_of_a_window_does_not_count() -> None:
    frame = noisy(scene(512, 512), SCAN)

    def rough_edged(frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        smooth = blur(1.0)(frames, noises)
        inner = np.s_[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
        results = [np.ones_like(f) for f in smooth]
        for result, pixels in zip(results, smooth, strict=True):
            result[inner] = pixels[inner]
        return results

    trials = trials_of(frame, SCAN, "image")
    assert all(t.window[0].start > 0 and t.window[0].stop < 512 for t in trials), "windows at the border keep that side"
    assert assess(rough_edged, frame, SCAN, seed="image") == assess(blur(1.0), frame, SCAN, seed="image")


def test_what_a_method_does_where_the_frame_is_saturated_does_not_count() -> None:
    frame = noisy(scene(180, 180), SCAN)
    frame[40:80, 50:100] = 1.0

    def darkens_saturated(frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        results = blur(1.0)(frames, noises)
        for result in results:
            result[45:75, 55:95] = 0.0
        return results

    assert assess(darkens_saturated, frame, SCAN, seed="image") == assess(blur(1.0), frame, SCAN, seed="image")


def test_pixels_are_left_out_by_where_they_lie_and_not_by_their_noise() -> None:
    clean = np.asarray(np.linspace(0.5, 1.0, 180, dtype=np.float32)[None].repeat(180, 0))
    frame = noisy(clean, SCAN)
    (trial,) = trials_of(frame, SCAN, "image")
    assert not trial.scored[clean > 0.99].any()
    assert trial.scored[clean < 0.8].all()
    assert trial.scored[frame == 1].any(), "a bright pixel of a region that is not saturated counts"


@pytest.mark.parametrize("shape", [(1, 1), (2, 200), (200, 2), (16, 16), (3, 20_000)])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_no_frame_is_too_small_dark_or_bright_for_a_finite_risk(shape: tuple[int, int], level: float) -> None:
    risk = assess(unchanged, np.full(shape, level, np.float32), SCAN, seed="image")
    assert np.isfinite([risk.value, risk.se, risk.row_j, *risk.blocks]).all()


def test_frames_and_restored_frames_may_be_read_only() -> None:
    frame = noisy(scene(200, 200), SCAN)
    frame.flags.writeable = False
    assert isinstance(assess(unchanged, frame, SCAN, seed="image", restored=frame), Risk)


def test_the_standard_error_is_that_of_the_blocks_and_of_the_noise_law() -> None:
    risk = assess(blur(1.0), noisy(scene(415, 483), SCAN), SCAN, seed="image")
    scatter = np.std(risk.blocks, ddof=1) / len(risk.blocks) ** 0.5
    law = (risk.se**2 - scatter**2) ** 0.5
    assert 12 <= len(risk.blocks) <= 25
    assert law == pytest.approx(VARIANCE_KNOWN_TO * SCAN.sigma**2, rel=0.3)
    assert risk.value == pytest.approx(np.mean(risk.blocks), abs=risk.se / 2)


def test_the_second_voice_has_blocks_of_its_own_paired_between_methods() -> None:
    frame = noisy(scene(415, 483), SCAN)
    mild, strong = (assess(blur(sigma), frame, SCAN, seed="image") for sigma in (1.0, 1.2))
    ours, theirs = np.array(mild.row_blocks), np.array(strong.row_blocks)
    assert len(ours) == len(theirs) == len(mild.blocks)
    assert float(ours.mean()) == pytest.approx(mild.row_j, abs=2 * float(ours.std()) / len(ours) ** 0.5)
    assert (ours - theirs).std() < 0.5 * ours.std()


def test_numbers_travel_with_four_significant_digits() -> None:
    risk = assess(blur(1.0), noisy(scene(200, 200), SCAN), SCAN, seed="image")
    assert all(float(f"{v:.4g}") == v for v in (risk.value, risk.se, risk.row_j, *risk.blocks))
