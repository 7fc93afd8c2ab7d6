"""How wrong is a restoration, when nobody knows the clean frame? Two estimates that need only the noise law.

*Recorruption.* For a frame ``y = x + n`` draw ``z`` of the law of ``n``. Then ``y + αz`` and ``y - z/α`` carry
uncorrelated noise: the first is restored and the second judges it (Pang et al. 2021, CVPR,
"Recorrupted-to-Recorrupted"; Oliveira, Lei, Tibshirani 2022, "Unbiased risk estimation in the normal means problem via
coupled bootstrap"). Written out,

    (D(y + αz) - y + z/α)² = (D(y + αz) - y)² + 2/α · z · (D(y + αz) - y) + z²/α²

the last term does not depend on ``D`` and its mean is known, so it is left out instead of estimated. In the middle term
anything that does not depend on ``z`` may stand for the last ``y``, because ``z`` has zero mean; ``D(y)`` itself takes
most of the variance away. The risk is the mean of ``(D(y + αz) - y)² - v + 2/α · z · (D(y + αz) - D(y))`` with ``v``
the noise variance.

*Row-wise J-invariance.* Horizontal runs as wide as the noise is correlated are replaced by the mean of the rows above
and below, and what the method then says of a run's centre is compared with the pixel that was hidden (Batson, Royer
2019, ICML, "Noise2Self", with a mask that follows the scan). The risk is the mean of ``(D(hidden) - y)² - v`` over the
centres.

Windows, draws and masks depend on the frame and the seed alone, so differences between candidates are paired. The
standard error of a single risk has a part that differences have not: both estimates subtract the noise variance, and
that is known to a few percent only, which in strong noise is as much as the error of a good restoration. The average of
two frames (`stages.filter.average`) subtracts none, so its differences from all others have that part
(`Risk.variance_se`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import cv2
import numpy as np

from schemas.frame import Pixels
from schemas.scores import Judge, Risk
from stages.estimate import Estimate, by_second_frame, estimate_of, known_to, risk_of
from stages.noise import Noise, local_mean
from stages.second_frame import SecondFrame
from stages.stage import Restore
from stages.windows import SHARE, Mask, Window, unclipped, windows_of

RECORRUPTION = 0.5
"""``α``: how much noise is added, in standard deviations of the frame's own."""
MARGIN_PX = 12
"""Pixels along a window's cut sides that are restored and not scored: a method sees no neighbours beyond the cut."""
HIDDEN_EVERY_ROWS = 4
"""Distance of the rows in which runs are hidden."""
CORRELATED_ABOVE = 0.05
"""Row autocorrelation above which pixels are hidden together."""


@dataclass(frozen=True, eq=False)
class Trial:
    """What one window of a frame puts to every method; arrays are ``(h, w)``."""

    window: Window
    seen: Pixels
    """``y``."""
    mean: Pixels
    """``y``, blurred: what stands for ``D(y)`` where that is not known."""
    variance: Pixels
    draw: Pixels
    """``z``."""
    hidden: Pixels
    """``y`` with runs filled from the rows above and below."""
    centres: Mask
    """Centres of the hidden runs."""
    scored: Mask
    """Pixels whose noise is whole and whose surroundings the method saw."""

    @property
    def recorrupted(self) -> Pixels:
        """``y + αz``, clipped like an instrument's frame; unbiased still, for the clipping is then part of ``D``."""
        return np.asarray(np.clip(self.seen + RECORRUPTION * self.draw, 0, 1))


def assess(restore: Restore, frame: Pixels, noise: Noise, *, seed: str, restored: Pixels | None = None) -> Risk:
    """Estimate the mean squared error of ``restore`` on one frame ``(H, W)`` in ``[0, 1]``; see `assess_all`."""
    return assess_all(restore, [frame], [noise], [seed], restored=None if restored is None else [restored])[0]


def assess_all(
    restore: Restore,
    frames: Sequence[Pixels],
    noises: Sequence[Noise],
    seeds: Sequence[str],
    *,
    restored: Sequence[Pixels] | None = None,
    judges: Sequence[SecondFrame | None] | None = None,
    share: float = SHARE,
) -> list[Risk]:
    """Estimate the mean squared error of ``restore`` on each of some frames of one shape.

    All windows have the same shape and go to ``restore`` in one call: half the work of restoring the frames, and a
    quarter of it where a second frame is the judge.

    Parameters
    ----------
    restore
        The method; what it gives is clipped to ``[0, 1]``, as a candidate's frame is.
    frames, noises
        ``(H, W)`` float32 in ``[0, 1]``, as the instrument wrote them, and their noise laws. Where a law does not hold
        the estimate means nothing.
    seeds
        What windows, draws and masks follow from: the image's identity, the same for all candidates of an image.
    restored
        What ``restore`` gave for the frames. Without it the estimate is as unbiased and has a larger variance.
    judges
        Another frame of the same field where there is one; it judges ``restored`` in place of recorruption.
    share
        How much of a large frame is scored.
    """
    second_frames = [None] * len(frames) if judges is None or restored is None else judges
    trials = [trials_of(*one, share=share) for one in zip(frames, noises, seeds, strict=True)]
    given = zip(trials, noises, second_frames, strict=True)
    inputs = [(pixels, law) for some, noise, second in given for pixels, law in _inputs(some, noise, second)]
    outputs = map(_clipped, restore([pixels for pixels, _ in inputs], [law for _, law in inputs]))
    known = restored if restored is not None else [None] * len(frames)
    return [_risk_of(outputs, *one) for one in zip(trials, noises, second_frames, known, strict=True)]


def _risk_of(
    outputs: Iterator[Pixels],
    trials: Sequence[Trial],
    noise: Noise,
    second: SecondFrame | None,
    restored: Pixels | None,
) -> Risk:
    """Take one frame's windows from the outputs, and judge them."""
    if second is not None and restored is not None:
        hidden = [next(outputs) for _ in trials]
        return risk_of(by_second_frame(restored, second), by_rows(trials, hidden), Judge.SECOND_FRAME)
    pairs = [(next(outputs), next(outputs)) for _ in trials]
    known = [trial.mean if restored is None else restored[trial.window] for trial in trials]
    first = by_recorruption(trials, [recorrupted for _, recorrupted in pairs], known, noise)
    return risk_of(first, by_rows(trials, [hidden for hidden, _ in pairs]), Judge.RECORRUPTION)


def trials_of(frame: Pixels, noise: Noise, seed: str, *, share: float = SHARE) -> list[Trial]:
    """Choose the windows of a frame and draw what is put to every method in them."""
    rng = np.random.default_rng(list(sha256(seed.encode()).digest()))
    windows = list(windows_of(frame.shape, rng, share=share))
    return [_trial(frame, noise, window, rng) for window in windows]


def _trial(frame: Pixels, noise: Noise, window: Window, rng: np.random.Generator) -> Trial:
    seen = np.ascontiguousarray(frame[window])
    mean = local_mean(seen)
    variance = noise.variance(mean)
    hidden, centres = _hide(seen, noise, rng)
    inner = _inner(window, frame.shape)
    scored = inner & unclipped(mean, variance)
    scored = scored if scored.any() else inner
    return Trial(
        window=window,
        seen=seen,
        mean=mean,
        variance=variance,
        draw=noise.draw(mean, rng),
        hidden=hidden,
        centres=centres & scored if (centres & scored).any() else centres,
        scored=scored,
    )


def _hide(seen: Pixels, noise: Noise, rng: np.random.Generator) -> tuple[Pixels, Mask]:
    """Fill runs so wide that nothing left to see is correlated with the noise of a run's centre."""
    width = 1 + 2 * sum(value > CORRELATED_ABOVE for value in noise.row_acf[1:])
    first_row = rng.integers(min(HIDDEN_EVERY_ROWS, seen.shape[0]))
    first_column = rng.integers(min(width + 2, seen.shape[1]))
    centres = np.zeros(seen.shape, np.uint8)
    centres[first_row::HIDDEN_EVERY_ROWS, first_column :: width + 2] = 1
    runs = cv2.dilate(centres, np.ones((1, width), np.uint8))
    padded = np.pad(seen, ((1, 1), (0, 0)), mode="symmetric")
    return np.where(runs > 0, (padded[:-2] + padded[2:]) / 2, seen), centres > 0


def _inner(window: Window, shape: tuple[int, ...]) -> Mask:
    """Where a method saw enough of the surroundings: all but the margins along the sides that were cut."""
    inner = np.ones([side.stop - side.start for side in window], np.bool_)
    for axis, (side, length) in enumerate(zip(window, shape, strict=True)):
        along = np.moveaxis(inner, axis, 0)
        along[: MARGIN_PX if side.start > 0 else 0] = False
        along[len(along) - (MARGIN_PX if side.stop < length else 0) :] = False
    return inner


def _inputs(trials: Sequence[Trial], noise: Noise, second: SecondFrame | None) -> Iterator[tuple[Pixels, Noise]]:
    for trial in trials:
        yield trial.hidden, noise
        if second is None:
            yield trial.recorrupted, noise.scaled(1 + RECORRUPTION**2)


def _clipped(pixels: Pixels) -> Pixels:
    return np.asarray(np.clip(pixels, 0, 1))


def by_recorruption(
    trials: Sequence[Trial], recorrupted: Sequence[Pixels], known: Sequence[Pixels], noise: Noise
) -> Estimate:
    """Judge what a method made of recorrupted windows; ``known`` is what it made of them as they are."""
    errors = []
    for trial, restored, plain in zip(trials, recorrupted, known, strict=True):
        error = (restored - trial.seen) ** 2 - trial.variance
        errors.append(error + 2 / RECORRUPTION * trial.draw * (restored - plain))
    scored = [trial.scored for trial in trials]
    variance = np.mean([float(trial.variance[trial.scored].mean()) for trial in trials])
    return estimate_of(errors, scored, known_to(noise) * float(variance))


def by_rows(trials: Sequence[Trial], hidden: Sequence[Pixels]) -> Estimate:
    """Judge what a method made of the windows with hidden runs, at the centres of those."""
    errors = [(made - trial.seen) ** 2 - trial.variance for trial, made in zip(trials, hidden, strict=True)]
    return estimate_of(errors, [trial.centres for trial in trials], 0.0)
