"""What a restoration did to the dimensions of a pattern, where the image's recipe says which pattern it is."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from schemas.frame import Pixels
from stages.metrics.names import Score, Scores, nothing
from stages.metrology import Change, Holes, Lines
from stages.noise import Noise

LINES, HOLES = "lines", "holes"
"""Recipes that are measured; images of other recipes, and of none, are not."""


def _of_lines(raw: Pixels, noise: Noise) -> Callable[[Pixels], Scores]:
    lines = Lines.of(raw, noise)
    if lines is None:
        return lambda _: nothing(Score.CD, Score.CD_BIAS, Score.CD_BIAS_SE, Score.LWR, *_LWR)
    return lambda frame: {
        Score.CD: lines.cd_px(frame),
        **_told(lines.cd_bias(frame), Score.CD_BIAS, Score.CD_BIAS_SE),
        Score.LWR: lines.lwr_px(frame),
        **_told(lines.lwr_change(frame), *_LWR),
    }


def _of_holes(raw: Pixels, noise: Noise) -> Callable[[Pixels], Scores]:
    holes = Holes.of(raw, noise)
    if holes is None:
        return lambda _: nothing(Score.HOLE_AREA, *_AREA, Score.ELLIPTICITY, *_ELLIPTICITY)
    return lambda frame: {
        Score.HOLE_AREA: holes.area_px2(frame),
        **_told(holes.area_change(frame), *_AREA),
        Score.ELLIPTICITY: holes.ellipticity(frame),
        **_told(holes.ellipticity_change(frame), *_ELLIPTICITY),
    }


_LWR = (Score.LWR_CHANGE, Score.LWR_CHANGE_SE)
_AREA = (Score.HOLE_AREA_CHANGE, Score.HOLE_AREA_CHANGE_SE)
_ELLIPTICITY = (Score.ELLIPTICITY_CHANGE, Score.ELLIPTICITY_CHANGE_SE)

PATTERNS: Mapping[str | None, Callable[[Pixels, Noise], Callable[[Pixels], Scores]]] = MappingProxyType(
    {LINES: _of_lines, HOLES: _of_holes}
)
"""What scores the dimensions of a recipe's pattern, prepared for a raw frame and its noise."""


def _told(change: Change | None, value: Score, se: Score) -> Scores:
    return nothing(value, se) if change is None else {value: change.value, se: change.se}
