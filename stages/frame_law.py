"""The noise law of a frame of a feed whose prior is known: what the frame says, and what it is too small to say.

Two numbers of a law are known independently of each other: its variance at the frame's mean grey (from sigma), and its
gain, the slope there. Frame and prior each give both with a standard error, and are combined by their inverse variances
(generalised least squares). So a large frame speaks for itself, and one that says little takes the prior's law.
"""

from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from schemas.prior import Prior
from schemas.scores import PriorUse
from stages.flat_parts import clipped_pixels, rarely_clipped
from stages.noise import (
    LAW_FITS_TO,
    MIN_SIDE_PX,
    NOT_OF_A_SCAN,
    ROWS_REPEATED,
    Noise,
    NoiseErrors,
    measure,
    vertical_difference,
)
from stages.prior import without_end
from stages.variance import robust_variance

LEAST_SIDE_PX = 8
"""Frames with a shorter side stay without a law: no method knows what to do with them."""
MOST_CLIPPED = 0.9
"""Share of clipped pixels above which there is no noise left that a law could describe."""
CENSORED = 0.1
"""Share of clipped pixels, where the frame is clipped least, above which its spread is no longer the noise's."""
LAW_FITS_PX = 256 * 256
"""Pixels from which `LAW_FITS_TO` is true: of fewer, the specimen's share averages out less. Crops of 24 x 24 px of
real fields are 14 % off, where chance alone makes 6 %; of 96² to 256², this took them best (fields 15-28)."""
CONTRADICTS_ERRORS = 4.0
"""Standard errors by which a frame's sigma must be off to contradict the prior."""
CONTRADICTS_SHARE = 0.15
"""And share: less makes no difference to a restoration."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """What a frame lets see of its noise."""

    grey: float
    """Mean grey where its law was measured."""
    clipped: float
    """Share of clipped pixels there."""
    pixels: int
    obscured: str | None
    """Why it cannot tell its own noise, if it cannot."""

    @classmethod
    def of(cls, pixels: Pixels) -> "View":
        """Look."""
        clipped = clipped_pixels(pixels)
        share, grey = float(clipped.mean()), float(pixels.mean(dtype=np.float64))
        if min(pixels.shape) < MIN_SIDE_PX:
            return cls(grey, share, pixels.size, f"the frame's shorter side is {min(pixels.shape)} px")
        trusted = rarely_clipped(clipped)
        if trusted is None:
            return cls(grey, share, pixels.size, f"{share:.0%} of the pixels are clipped")
        there, grey = float(clipped[1:-1][trusted].mean()), float(pixels[1:-1][trusted].mean(dtype=np.float64))
        obscured = f"{share:.0%} of the pixels are clipped" if there > CENSORED else None
        return cls(grey, there, int(np.count_nonzero(trusted)), obscured)


@dataclass(frozen=True)
class Seen:
    """The noise's variance at the grey where a frame shows it, and the standard errors of that and of its gain."""

    grey: float
    variance: float
    error: float
    gain_error: float
    """Of its gain: where pixels are clipped the variance is cut off at that end of the greys, and the slope is too
    steep (1.2 to 1.8 times where a quarter is black)."""

    @classmethod
    def by(cls, own: Noise, view: View) -> "Seen":
        """Read it off a frame's law."""
        variance = float(own.variance(np.full((1, 1), view.grey, np.float32)).item())
        specimen = LAW_FITS_TO * max(0.0, LAW_FITS_PX / view.pixels - 1) ** 0.5
        relative = float(np.linalg.norm([own.errors.sigma / own.sigma, specimen, view.clipped]))
        gain_error = float(np.hypot(own.errors.gain, own.gain * own.saturated))
        return cls(view.grey, variance, 2 * variance * relative, gain_error)


def law_of(pixels: Pixels, prior: Prior | None) -> Noise:
    """Measure the noise law of a frame, as `stages.noise.measure` does, with the help of the feed's prior.

    A law that does not hold for what the frame *says*, such as correlated rows, is never replaced.
    """
    own = measure(pixels)
    if prior is None or min(pixels.shape) < LEAST_SIDE_PX or own.saturated > MOST_CLIPPED:
        return own
    if own.why_not in NOT_OF_A_SCAN:
        return own
    view, mean = View.of(pixels), float(pixels.mean(dtype=np.float64))
    if view.obscured is not None:
        return _too_quiet(own, prior, pixels) or _alone(own, prior, mean, view.obscured)
    if not own.holds:
        return _too_quiet(own, prior, pixels) or own
    seen = Seen.by(own, view)
    return _contradiction(own, prior, seen) or _combined(own, prior, mean, seen)


def _alone(own: Noise, prior: Prior, mean: float, why: str) -> Noise:
    variance = prior.gain * mean + prior.offset
    if variance <= 0:
        return own
    law = replace(
        own,
        sigma=variance**0.5,
        gain=prior.gain,
        offset=prior.offset,
        row_acf=prior.row_acf,
        holds=True,
        why_not=None,
        errors=NoiseErrors(
            _variance_error(prior, mean) / (2 * variance**0.5),
            prior.gain_spread,
            prior.offset_spread,
            prior.row_acf_spread,
        ),
    )
    return _noted(law, PriorUse.ALONE, f"the noise is that of the feed's prior {prior.ref}, for {why}")


def _too_quiet(own: Noise, prior: Prior, pixels: Pixels) -> Noise | None:
    """Return the frame's own law, flagged, where even with all structure in it the difference of rows is too small."""
    expected = _expected(prior, float(pixels.mean(dtype=np.float64)))
    if own.saturated > CENSORED or expected == 0:
        return None
    difference = vertical_difference(pixels).ravel()
    found = robust_variance(difference) ** 0.5 / expected
    repeated = ROWS_REPEATED * (1 + 2 * sum(value**2 for value in prior.row_acf[1:]))
    error = (repeated / (2 * difference.size)) ** 0.5
    return _flagged(own, prior, found) if 1 - found > max(CONTRADICTS_ERRORS * error, CONTRADICTS_SHARE) else None


def _contradiction(own: Noise, prior: Prior, seen: Seen) -> Noise | None:
    """Return the frame's own law, flagged, where it says clearly something else than the prior."""
    expected = max(_expected(prior, seen.grey), 1e-6)
    error = np.hypot(seen.error, _variance_error(prior, seen.grey)) / (2 * expected**2)
    found = seen.variance**0.5 / expected
    return _flagged(own, prior, found) if abs(found - 1) > max(CONTRADICTS_ERRORS * error, CONTRADICTS_SHARE) else None


def _flagged(own: Noise, prior: Prior, found: float) -> Noise:
    note = f"the noise is {found:.2f} times what the feed's prior {prior.ref} expects: check the instrument's settings"
    return _noted(own, PriorUse.CONTRADICTED, note)


def _combined(own: Noise, prior: Prior, mean: float, seen: Seen) -> Noise:
    """Combine both laws by their inverse variances."""
    frame = _precision(seen.grey, seen.error, seen.gain_error)
    feed = _precision(prior.grey, prior.variance_spread, prior.gain_spread)
    covariance = np.linalg.inv(frame + feed)
    said = np.array([own.gain, seen.variance - own.gain * seen.grey])
    gain, offset = covariance @ (frame @ said + feed @ np.array([prior.gain, prior.offset]))
    variance = gain * mean + offset
    if gain < 0 or variance <= 0:
        return own
    at_mean = np.array([mean, 1.0])
    sigma = float(variance**0.5)
    row_acf, correlation = _combined_acf(own, prior)
    law = replace(
        own,
        sigma=sigma,
        gain=float(gain),
        offset=float(offset),
        row_acf=row_acf,
        errors=NoiseErrors(
            float((at_mean @ covariance @ at_mean) ** 0.5) / (2 * sigma),
            float(covariance[0, 0] ** 0.5),
            float(covariance[1, 1] ** 0.5),
            correlation,
        ),
    )
    return _noted(law, PriorUse.COMBINED, f"the frame's own noise, combined with the feed's prior {prior.ref}")


def _combined_acf(own: Noise, prior: Prior) -> tuple[tuple[float, ...], float]:
    ours, theirs = own.errors.correlation**-2, prior.row_acf_spread**-2
    lags = zip_longest(own.row_acf[1:], prior.row_acf[1:], fillvalue=0.0)
    combined = [round((ours * mine + theirs * its) / (ours + theirs), 5) for mine, its in lags]
    return (1.0, *without_end(combined)), float((ours + theirs) ** -0.5)


def _precision(grey: float, variance_error: float, gain_error: float) -> Matrix:
    """Inverse covariance of gain and offset where the variance at a grey and the gain are known, independently."""
    along = np.array([[1.0, 0.0], [grey, 1.0]])
    return np.asarray(along.T @ np.diag([gain_error**-2, variance_error**-2]) @ along)


def _expected(prior: Prior, mean: float) -> float:
    return float(max(prior.gain * mean + prior.offset, 0.0) ** 0.5)


def _variance_error(prior: Prior, mean: float) -> float:
    return float(np.hypot(prior.variance_spread, prior.gain_spread * (mean - prior.grey)))


def _noted(law: Noise, use: PriorUse, note: str) -> Noise:
    return replace(law, prior=note, prior_use=use)
