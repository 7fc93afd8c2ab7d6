"""Numbers as a person reads them. What is not known is a dash."""

import math
from collections.abc import Sequence

from schemas.events import ImageEvent
from schemas.scores import RAW, Candidate, NoiseRecord
from stages.selector.claims import ErrorClaim, Lead, lead
from stages.selector.judged import Judged, difference, judged
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


def shown(claim: ErrorClaim | Lead | None) -> str:
    """Return what is claimed as text."""
    return DASH if claim is None else str(claim)


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


def candidates_of(event: ImageEvent) -> tuple[Candidate, ...]:
    """All candidates; the raw frame is one even where no stage scored it and so listed it."""
    if any(candidate.name == RAW for candidate in event.candidates):
        return event.candidates
    return (Candidate(name=RAW, stage="feed", method=RAW, config_hash=RAW), *event.candidates)


def named(event: ImageEvent, name: str) -> Candidate:
    """The candidate of that name; raises `KeyError`."""
    return {candidate.name: candidate for candidate in candidates_of(event)}[name]


def error_of(event: ImageEvent, candidate: Candidate) -> ErrorClaim | None:
    """Estimated error of a candidate as it is written to a file; nothing where it has none that means something."""
    one = _judged(event).get(candidate.name)
    return ErrorClaim.of(one) if one else None


def gain_of(event: ImageEvent, candidate: Candidate) -> Lead | None:
    """How far a candidate's estimated squared error lies below the raw frame's; nothing where none is claimed."""
    if event.selection and Flag.WITHIN_ROUNDING in event.selection.flags:
        return None
    return _lead(event, candidate.name, RAW)


def behind(event: ImageEvent, candidate: Candidate) -> float | None:
    """By how many standard errors of the paired difference a candidate's error lies above the chosen one's.

    Below 0 where a gentler one was chosen. Nothing for the chosen one itself, nor where one of both was not judged.
    """
    known = _judged(event)
    chosen = known.get(event.selection.chosen) if event.selection else None
    own = known.get(candidate.name)
    if chosen is None or own is None or own is chosen:
        return None
    apart = difference(own, chosen)
    return apart.more / apart.error if apart.error > 0 else None


def chosen_of(event: ImageEvent) -> Candidate | None:
    """The candidate that was selected, if one was."""
    return named(event, event.selection.chosen) if event.selection else None


def margin_of(event: ImageEvent) -> Lead | None:
    """How far the chosen candidate's estimated squared error lies below the runner-up's."""
    selection = event.selection
    return _lead(event, selection.chosen, selection.runner_up) if selection and selection.runner_up else None


def margin_ses(event: ImageEvent) -> float | None:
    """The margin in standard errors of the paired difference."""
    selection = event.selection
    if selection is None or selection.margin is None or not selection.margin_se:
        return None
    return selection.margin / selection.margin_se


def electrons(noise: NoiseRecord) -> float | None:
    """Electrons at full scale, ``1 / gain``, where the noise grows with the signal."""
    return 1 / noise.gain if noise.gain > 0 else None


def _lead(event: ImageEvent, name: str, over: str) -> Lead | None:
    known = _judged(event)
    return lead(known[name], known[over]) if name in known and over in known else None


def _judged(event: ImageEvent) -> dict[str, Judged]:
    """What the candidates risk, by name."""
    return {one.name: one for one in judged(event.candidates, event.noise, levels=GreyLevels.of(event.image))}
