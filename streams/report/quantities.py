"""Numbers as a person reads them. What is not known is a dash."""

import math
from collections.abc import Sequence

from schemas.events import ImageEvent
from schemas.scores import RAW, Candidate, NoiseRecord
from stages.selector.judged import judged
from stages.selector.rounding import GreyLevels
from stages.selector.rule import Flag

DASH = "–"


def number(value: float | None, *, decimals: int = 2) -> str:
    """Return the value with fixed decimals and a true minus sign.

    >>> number(-1.5), number(None)
    ('−1.50', '–')
    """
    if value is None:
        return DASH
    digits = f"{value:.{decimals}f}"
    return f"−{digits[1:]}" if value < 0 and float(digits) != 0 else digits.lstrip("-")


def aligned(values: Sequence[float | None]) -> list[str]:
    """Return values of one score with equal decimals, so many that the largest has four significant digits.

    >>> aligned([32.8149, 9.5, None])
    ['32.81', '9.50', '–']
    >>> aligned([0.00123456, -0.0001])
    ['0.001235', '−0.000100']
    """
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    decimals = min(max(3 - math.floor(math.log10(largest)), 0), 8) if largest > 0 else 0
    return [number(value, decimals=decimals) for value in values]


def decibels(value: float | None) -> str:
    """Return a signed number of decibels, without its unit.

    >>> decibels(9.876), decibels(-0.2)
    ('+9.9', '−0.2')
    """
    signed = number(value, decimals=1)
    return f"+{signed}" if value is not None and value >= 0.05 else signed


def seconds(value: float) -> str:
    """Return a duration in the unit that fits it.

    >>> seconds(0.00042), seconds(0.0312), seconds(4.2), seconds(340), seconds(7800)
    ('0.4 ms', '31 ms', '4.2 s', '5 min 40 s', '2 h 10 min')
    """
    if value < 0.00005:
        return "< 0.1 ms"
    if value < 0.0095:
        return f"{value * 1000:.1f} ms"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def rms_percent(mse: float) -> float:
    """Root of a mean squared error, in percent of full scale; 0 where the unbiased estimate fell below 0."""
    return 100 * math.sqrt(max(mse, 0.0))


def error_percent(error: float | None, se: float | None) -> str:
    """Return the estimated rms error in percent of full scale with its standard error (first order: se / 2 rms).

    Where the estimate is within two standard errors of nothing, the upper end of that range stands.

    >>> error_percent(4e-4, 2e-5), error_percent(4e-4, None)
    ('2.00 ± 0.05', '2.00')
    >>> error_percent(4e-6, 1e-7), error_percent(-1e-6, 5e-6)
    ('0.200 ± 0.003', '< 0.300')
    """
    if error is None:
        return DASH
    if se is not None and error <= 2 * se:
        return f"< {_percent(rms_percent(error + 2 * se))}"
    rms = rms_percent(error)
    if se is None:
        return _percent(rms)
    return f"{_percent(rms)} ± {number(100**2 * se / (2 * rms), decimals=_decimals(rms))}"


def _percent(value: float) -> str:
    return number(value, decimals=_decimals(value))


def _decimals(percent: float) -> int:
    """Three below 1 %: standard errors of such errors are a few thousandths."""
    return 3 if percent < 1 else 2


def ratio_db(above: float | None, below: float | None) -> float | None:
    """Decibels between two mean squared errors; ``None`` where one is unknown or not positive."""
    if above is None or below is None or above <= 0 or below <= 0:
        return None
    return 10 * math.log10(above / below)


def candidates_of(event: ImageEvent) -> tuple[Candidate, ...]:
    """All candidates; the raw frame is one even where no stage scored it and so listed it."""
    if any(candidate.name == RAW for candidate in event.candidates):
        return event.candidates
    return (Candidate(name=RAW, stage="feed", method=RAW, config_hash=RAW), *event.candidates)


def named(event: ImageEvent, name: str) -> Candidate:
    """The candidate of that name; raises `KeyError`."""
    return {candidate.name: candidate for candidate in candidates_of(event)}[name]


def raw_error(event: ImageEvent) -> float | None:
    """Mean squared error of the raw frame on the scale of the candidates' risks; ``None`` where no noise was found."""
    known = [c.risk.value for c in judged(event.candidates, event.noise) if c.name == RAW]
    return known[0] if known and known[0] > 0 else None


def estimated_error(event: ImageEvent, candidate: Candidate) -> float | None:
    """Estimated mean squared error of a candidate as it is written to a file of the source's levels; raw among them."""
    if candidate.name == RAW:
        return raw_error(event)
    return candidate.risk.value + GreyLevels.of(event.image).variance if candidate.risk else None


def error_of(event: ImageEvent, candidate: Candidate) -> str:
    """Return a candidate's estimated error as `error_percent` says it."""
    return error_percent(estimated_error(event, candidate), candidate.risk.se if candidate.risk else None)


def gain_db(event: ImageEvent, candidate: Candidate) -> float | None:
    """How far a candidate's estimated squared error lies below the raw frame's; ``None`` where none is claimed."""
    if event.selection and Flag.WITHIN_ROUNDING in event.selection.flags:
        return None
    return ratio_db(raw_error(event), _above_nothing(event, candidate))


def chosen_of(event: ImageEvent) -> Candidate | None:
    """The candidate that was selected, if one was."""
    return named(event, event.selection.chosen) if event.selection else None


def margin_db(event: ImageEvent) -> float | None:
    """How far the runner-up's estimated squared error lies above the chosen one's."""
    selection = event.selection
    if selection is None or selection.runner_up is None:
        return None
    runner_up, chosen = named(event, selection.runner_up), named(event, selection.chosen)
    return ratio_db(_above_nothing(event, runner_up), _above_nothing(event, chosen))


def _above_nothing(event: ImageEvent, candidate: Candidate) -> float | None:
    """Estimated error where the estimate itself, rounding apart, is of something: else it makes no ratio."""
    error = estimated_error(event, candidate)
    return error if candidate.risk is None or candidate.risk.value > 0 else None


def margin_ses(event: ImageEvent) -> float | None:
    """The margin in standard errors of the paired difference."""
    selection = event.selection
    if selection is None or selection.margin is None or not selection.margin_se:
        return None
    return selection.margin / selection.margin_se


def electrons(noise: NoiseRecord) -> float | None:
    """Electrons at full scale, ``1 / gain``, where the noise grows with the signal."""
    return 1 / noise.gain if noise.gain > 0 else None
