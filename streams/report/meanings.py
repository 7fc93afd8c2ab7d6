"""What each score is called on a page, and what it means; a score that is in no list goes by its bare name."""

from collections.abc import Iterable

from stages.metrics.names import MEANINGS, Meaning, Score

HEADLINE = (
    Score.EDGE_GRADIENT,
    Score.PSNR,
    Score.CD,
    Score.CD_BIAS,
    Score.LWR,
    Score.LWR_CHANGE,
    Score.HOLE_AREA,
    Score.HOLE_AREA_CHANGE,
    Score.ELLIPTICITY,
    Score.ELLIPTICITY_CHANGE,
)
SHORT_UNITS = ("dB", "px")
"""Units that stand in the label."""
"""Scores that stand beside the estimated error; the others are a click away."""


def label(name: str) -> str:
    """Return what a score is called, with its unit where that is short.

    >>> label("edge_gradient"), label("psnr_db"), label("cd_px"), label("my_score")
    ('Edge steepness', 'PSNR, dB', 'CD, px', 'my_score')
    """
    meaning = _known(name)
    if meaning is None:
        return name
    short = f", {meaning.unit}" if meaning.unit in SHORT_UNITS else ""
    return f"{meaning.label[:1].upper()}{meaning.label[1:]}{short}"


def sentence(name: str) -> str:
    """Return what a score means and which way is better; nothing for a score that nobody described."""
    meaning = _known(name)
    return f"{meaning.text} {meaning.better[:1].upper()}{meaning.better[1:]}." if meaning else ""


def unit(name: str) -> str:
    """Return the unit of a score where its label does not give it."""
    meaning = _known(name)
    return "" if meaning is None or meaning.unit in SHORT_UNITS else meaning.unit


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names as the closed list does; names that it does not hold come last, in the order given."""
    order = [score.value for score in Score]
    return sorted(names, key=lambda name: order.index(name) if name in order else len(order))


def headline(names: Iterable[str]) -> list[str]:
    """Return those of the names that stand in the short table."""
    return [name for name in names if name in HEADLINE]


def _known(name: str) -> Meaning | None:
    return MEANINGS[Score(name)] if name in list(Score) else None
