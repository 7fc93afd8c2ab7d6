"""A feed's prior: what many frames of one instrument and recipe say of its noise (`stages.frame_law` uses it)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from schemas.frame import Pixels
from schemas.prior import Prior
from stages.levels import MAD, Levels, common_gain
from stages.noise import LAW_FITS_TO, Noise, measure
from stages.variance import LEAST_LEVELS

LEAST_FRAMES = 5
"""Frames with a law below which their spread says nothing."""
LEAST_PX = 64 * 64
"""Smaller frames do not tell how the noise grows with the signal."""
LAWS_DISAGREE = 0.25
"""Relative spread between frames of the variance, above which they are not of one law."""
CORRELATION_KNOWN_TO = 0.01
"""Standard error of an autocorrelation that more frames do not lower."""
MEDIAN_REPEATS = 1.57
"""Variance of a median of Gaussian values over that of their mean."""


class NoPrior(ValueError):
    """Frames of which no prior can be built, and why."""


@dataclass(frozen=True)
class Origin:
    """Whose noise a prior describes."""

    name: str
    instrument_id: str = "unknown"
    recipe: str | None = None
    bits: int | None = None
    """As of how many bits the levels of 16-bit files were read, where somebody stated it."""


def build(frames: Iterable[Pixels], origin: Origin) -> Prior:
    """Build a prior from frames ``(H, W)`` float32 in ``[0, 1]``: over those whose law holds.

    The gain is that of all their levels together (`stages.levels`), all else are medians.

    Raises
    ------
    NoPrior
        If too few laws hold, or those that do disagree.
    """
    measured = [_Shown.by(pixels) for pixels in frames]
    usable = [one for one in measured if one.law.holds]
    if len(usable) < LEAST_FRAMES:
        raise NoPrior(_too_few(len(usable), [one.law.why_not for one in measured if not one.law.holds]))
    laws = [one.law for one in usable]
    grey = float(np.median([one.grey for one in usable]))
    gain, gain_spread = _gain(usable)
    variances = [one.law.sigma**2 + gain * (grey - one.grey) for one in usable]
    variance, variance_spread = _centre(variances, [2 * law.sigma * law.errors.sigma for law in laws])
    if variance <= 0 or variance_spread > LAWS_DISAGREE * variance:
        raise NoPrior(_disagreement(variances, grey))
    gain, grey = _rounded(gain), _rounded(grey)
    gain_spread = max(gain_spread, 2 * LAW_FITS_TO * gain, 1e-3 * variance)
    variance_spread = max(variance_spread, 2 * LAW_FITS_TO * variance)
    row_acf, row_acf_spread = _correlation(laws)
    return Prior.of(
        name=origin.name,
        instrument_id=origin.instrument_id,
        recipe=origin.recipe,
        bits=origin.bits,
        frames=len(usable),
        left_out=len(measured) - len(usable),
        gain=gain,
        gain_spread=_rounded(gain_spread),
        offset=_rounded(variance - gain * grey),
        offset_spread=_rounded(float(np.hypot(variance_spread, gain_spread * grey))),
        grey=grey,
        variance_spread=_rounded(variance_spread),
        row_acf=row_acf,
        row_acf_spread=_rounded(max(row_acf_spread, CORRELATION_KNOWN_TO)),
    )


@dataclass(frozen=True)
class _Shown:
    """What one frame shows of the noise."""

    law: Noise
    grey: float
    """Its mean."""
    levels: Levels

    @classmethod
    def by(cls, pixels: Pixels) -> "_Shown":
        law = measure(pixels)
        levels = Levels.of(pixels, law) if law.holds else Levels.none()
        return cls(_usable(law, pixels.size, levels), float(pixels.mean(dtype=np.float64)), levels)


def _usable(law: Noise, size_px: int, levels: Levels) -> Noise:
    if size_px < LEAST_PX:
        return replace(law, holds=False, why_not=f"less than {LEAST_PX} px")
    if law.holds and levels.greys.size < LEAST_LEVELS:
        return replace(law, holds=False, why_not=f"{law.saturated:.0%} of the pixels are clipped")
    return law


def _gain(shown: Sequence[_Shown]) -> tuple[float, float]:
    """Gain that frames have in common; its own standard error with its spread between frames beyond theirs."""
    gain, error = common_gain([one.levels for one in shown])
    _, between = _centre([one.law.gain for one in shown], [one.law.errors.gain for one in shown])
    return gain, float(np.hypot(error, between))


def _centre(values: Sequence[float], errors: Sequence[float]) -> tuple[float, float]:
    """Median, and the robust spread beyond the values' own standard errors: at the least, the median's own error."""
    centre = float(np.median(values))
    scatter = MAD * float(np.median(np.abs(np.array(values) - centre)))
    own = scatter**2 * MEDIAN_REPEATS / len(values)
    return centre, float(np.hypot(max(scatter**2 - float(np.median(errors)) ** 2, 0.0) ** 0.5, own**0.5))


def _correlation(laws: Sequence[Noise]) -> tuple[tuple[float, ...], float]:
    """Autocorrelation along a row, each lag's median, and the largest spread of a lag."""
    errors = [law.errors.correlation for law in laws]
    lags = [_centre(values, errors) for values in zip_longest(*(law.row_acf[1:] for law in laws), fillvalue=0.0)]
    row_acf = without_end([_rounded(centre) for centre, _ in lags])
    return (1.0, *row_acf), max((spread for _, spread in lags), default=0.0)


def without_end(lags: Sequence[float]) -> Sequence[float]:
    """Leave out the last lags that are next to nothing."""
    beyond = [number for number, value in enumerate(lags, start=1) if abs(value) >= CORRELATION_KNOWN_TO]
    return lags[: beyond[-1] if beyond else 0]


def _too_few(count: int, reasons: Sequence[str | None]) -> str:
    told = f"; of the others: {max(map(str, reasons), key=reasons.count)}" if reasons else ""
    return f"a prior needs {LEAST_FRAMES} frames whose noise law holds, and there are {count}{told}"


def _disagreement(variances: Sequence[float], grey: float) -> str:
    low, high = (100 * max(float(value), 0.0) ** 0.5 for value in np.quantile(variances, (0.25, 0.75)))
    return (
        f"the frames' noise laws disagree: at the grey {grey:.2f} the noise of the middle half of them is {low:.2g} to "
        f"{high:.2g} % of full scale; take frames of one instrument, recipe and setting"
    )


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
