"""The noise of a scanned frame: how strong, how it grows with the signal, and how it is correlated along a row.

Rows are scanned at different times, so their noise is independent, while the detector's bandwidth correlates neighbours
along a row. The second difference along y therefore sees the noise and nothing of a smooth specimen
(the idea of Foi et al. 2008, IEEE Trans. Image Process. 17:1737, moved to the slow axis).
"""

from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from schemas.frame import Pixels
from schemas.scores import NoiseRecord, PriorUse
from stages.correlation import Mask, RowCorrelation, column_lag1, column_lag1_behind
from stages.flat_parts import clipped_pixels, flat_parts
from stages.scan_rows import Rows, charging_of, flicker_of, has_fine_grating
from stages.variance import MOST_VALUES, robust_variance, variance_law

ROWS_INDEPENDENT_BELOW = 0.25
"""Lag-1 correlation along y above which rows are not independent (0.42 on resampled frames, else below 0.16)."""
CLEARLY_INDEPENDENT_BELOW = 0.1
"""The same, read off the difference of rows, below which uprights of the specimen are why it is higher: at most 0.03 on
lines of 6 to 24 px in noise of 0.01 to 0.12, 0.26 to 0.62 on frames enlarged, blurred or averaged by two rows."""
ROWS_ALTERNATE_BELOW = -0.5
"""Lag-1 correlation along y below which rows alternate (-0.05 to -0.27 for noise whose smooth part is gone)."""
SHARPENED_BELOW = -0.25
"""Lag-1 correlation along a row below which a frame was sharpened: taken for white, -0.2 costs the choice nothing,
-0.44 half a dB and -0.67 3 dB, its risk a seventh to a third of the truth; real frames have -0.01 to 0.7."""
LOCAL_MEAN_PX = 1.5
"""Sigma of the Gaussian mean that every law is evaluated at."""
MIN_SIDE_PX = 16
"""Frames with a shorter side tell too little about their noise."""
NO_NOISE_BELOW = 1e-5
"""Sigma, in units of full scale, that even 16-bit rounding hides."""
ROWS_REPEATED = 1.94
"""Sum of the squared autocorrelation along y of a second difference: 1, -2/3, 1/6."""
LAW_FITS_TO = 0.013
"""Relative standard error of sigma that more pixels do not lower: what is left of the specimen in the difference."""
CORRELATED_ROWS = "neighbouring rows are correlated: a resampled frame, or noise too weak to be told from the specimen"
ALTERNATING_ROWS = "neighbouring rows alternate: an interlaced frame, or a grating too fine to be told from noise"
SHARPENED_ROWS = (
    "neighbouring pixels of a row are anticorrelated: a frame sharpened in the instrument, whose sharpening should be "
    "switched off, or a slanted grating too fine to be told from noise"
)
NOT_OF_A_SCAN = frozenset({CORRELATED_ROWS, ALTERNATING_ROWS, SHARPENED_ROWS})
"""What a frame says of its noise by which no law of the model describes it."""


@dataclass(frozen=True)
class NoiseErrors:
    """Standard errors of a law's numbers, in their units; 0 where a law was not measured but made."""

    sigma: float = 0.0
    gain: float = 0.0
    offset: float = 0.0
    correlation: float = 0.0
    """Of each of the autocorrelations, along a row and along y."""


@dataclass(frozen=True)
class Noise:
    """Noise law of one frame, in units of full scale; see `schemas.scores.NoiseRecord` for the fields."""

    sigma: float
    gain: float
    offset: float
    row_acf: tuple[float, ...]
    column_lag1: float
    saturated: float
    holds: bool
    why_not: str | None = None
    flicker: float = 0.0
    charging: float = 0.0
    errors: NoiseErrors = NoiseErrors()
    prior: str | None = None
    prior_use: PriorUse | None = None

    def variance(self, mean: Pixels) -> Pixels:
        """Variance where the noise-free frame is ``mean``: ``gain * mean + offset``, floored at 0.15 of the frame's."""
        floor = 0.15 * self.sigma**2
        return np.asarray(np.maximum(self.gain * mean + self.offset, floor), np.float32)

    def scaled(self, factor: float) -> "Noise":
        """Return the law of the same noise with ``factor`` times the variance."""
        return replace(self, sigma=self.sigma * factor**0.5, gain=self.gain * factor, offset=self.offset * factor)

    def row_psd(self, width: int) -> NDArray[np.float64]:
        """Power spectrum along a row at the frequencies of ``rfft``, mean 1 over the full spectrum.

        The cosine series of `row_acf`; a measured autocorrelation need not be one, so its spectrum is floored.
        """
        frequencies = 2 * np.pi * np.arange(width // 2 + 1) / width
        power = np.ones(len(frequencies))
        for lag, value in enumerate(self.row_acf[1:], start=1):
            power += 2 * value * np.cos(lag * frequencies)
        power = np.maximum(power, 0.02)
        full_sum = power[0] + 2 * power[1:].sum() - (power[-1] if width % 2 == 0 else 0.0)
        return np.asarray(power * width / full_sum)

    def draw(self, mean: Pixels, rng: np.random.Generator) -> Pixels:
        """Draw noise of this law for a noise-free frame ``mean``: row-correlated, signal-dependent, zero mean."""
        width = mean.shape[1]
        amplitude = np.sqrt(self.row_psd(width)).astype(np.float32)
        white = rng.standard_normal(mean.shape, np.float32)
        coloured = irfft(rfft(white, axis=1) * amplitude, width, axis=1)
        return np.asarray(coloured * np.sqrt(self.variance(mean)), np.float32)

    @classmethod
    def of_record(cls, record: NoiseRecord) -> "Noise":
        """Return the law that an event carries."""
        values = record.model_dump(include={field.name for field in fields(cls)})
        errors = NoiseErrors(record.sigma_se, record.gain_se, record.offset_se, record.correlation_se)
        return cls(**values, errors=errors)

    def to_record(self) -> NoiseRecord:
        """Return the law as it travels in an event."""
        return NoiseRecord(
            sigma=self.sigma,
            gain=self.gain,
            offset=self.offset,
            row_acf=self.row_acf,
            column_lag1=self.column_lag1,
            saturated=self.saturated,
            holds=self.holds,
            why_not=self.why_not,
            flicker=self.flicker,
            charging=self.charging,
            sigma_se=self.errors.sigma,
            gain_se=self.errors.gain,
            offset_se=self.errors.offset,
            correlation_se=self.errors.correlation,
            prior=self.prior,
            prior_use=self.prior_use,
        )


def vertical_difference(pixels: Pixels) -> Pixels:
    """Second difference along y, scaled so that independent rows keep their variance: ``(H - 2, W)``."""
    return np.asarray((pixels[:-2] - 2 * pixels[1:-1] + pixels[2:]) / np.float32(6**0.5))


def measure(pixels: Pixels) -> Noise:
    """Measure the noise law of a whole frame ``(H, W)`` float32 in ``[0, 1]``, of any shape and content."""
    saturated = float(clipped_pixels(pixels).mean())
    if min(pixels.shape) < MIN_SIDE_PX:
        short = f"the frame's shorter side is {min(pixels.shape)} px, less than {MIN_SIDE_PX}"
        return _unknown(saturated, f"{short}; a feed's prior can tell its noise")
    flat = flat_parts(pixels)
    if flat is None:
        return _unknown(saturated, f"{saturated:.0%} of the pixels are clipped")
    difference = vertical_difference(pixels)
    rows = Rows.of(difference)
    sigma2 = robust_variance(rows.rest[flat])
    if sigma2 < NO_NOISE_BELOW**2:
        return _unknown(saturated, "no noise was found in the flat parts of the frame")
    mean = local_mean(pixels)
    (gain, offset), (gain_se, offset_se) = variance_law(rows.rest[flat], mean[1:-1][flat], sigma2)
    variance = Noise(sigma2**0.5, gain, offset, (1.0,), 0.0, saturated, holds=True).variance(mean)
    along_row = RowCorrelation.of(rows.rest / np.sqrt(variance[1:-1]), flat, lowered=rows.lowered)
    row_acf = rows.corrected(along_row.beyond_chance)
    column_lag1 = _column_lag1((pixels - mean) / np.sqrt(variance), rows.rest / np.sqrt(variance[1:-1]), flat)
    kept = 1 - rows.share_lost(row_acf)
    sigma = float(np.sqrt(variance.mean(dtype=np.float64) / kept))
    sigma_se, correlation_se = _errors_from(int(np.count_nonzero(flat)), row_acf)
    why_not = _why_not(column_lag1, along_row, fine=has_fine_grating(pixels, sigma))
    return Noise(
        sigma,
        gain / kept,
        offset / kept,
        row_acf,
        column_lag1,
        saturated,
        holds=why_not is None,
        why_not=why_not,
        flicker=flicker_of(difference, sigma, row_acf),
        charging=charging_of(rows.shared, sigma, row_acf),
        errors=NoiseErrors(sigma * sigma_se, gain_se / kept, offset_se / kept, correlation_se),
    )


def _errors_from(count: int, row_acf: tuple[float, ...]) -> tuple[float, float]:
    """Return the relative standard error of sigma, and that of a correlation, from so many flat pixels.

    Squares of correlated values repeat each other by the sum of the squared correlations.
    """
    repeated = ROWS_REPEATED * (1 + 2 * sum(value**2 for value in row_acf[1:]))
    independent = min(count, MOST_VALUES) / repeated
    correlation = (repeated / max(count, 1)) ** 0.5
    return float(np.hypot(LAW_FITS_TO, (1 / (2 * independent)) ** 0.5)), float(np.hypot(0.01, correlation))


def _why_not(column_lag1: float, along_row: RowCorrelation, *, fine: bool) -> str | None:
    if fine:
        return ALTERNATING_ROWS
    if column_lag1 > ROWS_INDEPENDENT_BELOW:
        return CORRELATED_ROWS
    if column_lag1 < ROWS_ALTERNATE_BELOW:
        return ALTERNATING_ROWS
    return SHARPENED_ROWS if along_row.clearly_below(SHARPENED_BELOW) else None


def _column_lag1(detail: Pixels, difference: Pixels, flat: Mask) -> float:
    """Autocorrelation at lag 1 along y of a frame's noise, from its whitened fine detail.

    What stands upright in it, such as dense vertical lines, correlates rows whose noise is independent. The difference
    of rows does not see that: where it is as independent noise makes it, its word is taken.
    """
    found = column_lag1(Rows.of(detail).rest, flat)
    if found <= ROWS_INDEPENDENT_BELOW:
        return found
    without_uprights = column_lag1_behind(difference, flat)
    return without_uprights if without_uprights < CLEARLY_INDEPENDENT_BELOW else found


def _unknown(saturated: float, why_not: str) -> Noise:
    return Noise(0.0, 0.0, 0.0, (1.0,), 0.0, saturated, holds=False, why_not=why_not)


def local_mean(pixels: Pixels) -> Pixels:
    """Return an estimate of the noise-free frame that is good enough to evaluate a law at."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), LOCAL_MEAN_PX), np.float32)
