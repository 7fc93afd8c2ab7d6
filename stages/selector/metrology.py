"""A restoration may not move the dimensions of a declared pattern: what is measured on it must be the specimen's.

A guard knows what it can know. It compares a restoration with the mean of a noisy raw frame, and vetoes only where the
bound is exceeded beyond doubt, by so many standard errors.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.scores import Candidate
from stages.metrics.names import Score


@dataclass(frozen=True)
class DimensionGuard:
    """Vetoes a candidate whose change of one dimension is beyond a bound."""

    change: Score
    se: Score
    bound: float
    standard_errors: float
    does: str
    """What the candidate does to the pattern, as in "makes the lines"."""
    more: str
    less: str
    unit: str

    def __call__(self, candidate: Candidate) -> str | None:
        """Return why the candidate is vetoed; nothing where the image has no such pattern."""
        change, se = candidate.scores.get(self.change), candidate.scores.get(self.se)
        if change is None or se is None or abs(change) - self.standard_errors * se <= self.bound:
            return None
        way = self.more if change > 0 else self.less
        return (
            f"{self.does} {self._shown(abs(change))} {way} than the raw frame's mean has them "
            f"(standard error {self._shown(se)}, bound {self._shown(self.bound)})"
        )

    def _shown(self, value: float) -> str:
        return f"{100 * value:.2g} %" if self.unit == "%" else f"{value:.2g} {self.unit}"


def unmeasured(candidates: Iterable[Candidate]) -> bool:
    """Whether the image's recipe names a pattern that the metrics looked for in vain: its dimensions have no value."""
    sought = [
        candidate.scores[name]
        for candidate in candidates
        for name in (Score.CD, Score.HOLE_AREA)
        if name in candidate.scores
    ]
    return bool(sought) and all(value is None for value in sought)


def dimension_guards(
    *, cd_bias_px: float, lwr_change: float, hole_area_change: float, ellipticity_change: float, standard_errors: float
) -> tuple[DimensionGuard, ...]:
    """Return the guards of all patterns; without scores, those of other patterns are silent."""
    return (
        DimensionGuard(
            Score.CD_BIAS, Score.CD_BIAS_SE, cd_bias_px, standard_errors, "makes the lines", "wider", "narrower", "px"
        ),
        DimensionGuard(
            Score.LWR_CHANGE,
            Score.LWR_CHANGE_SE,
            lwr_change,
            standard_errors,
            "makes the lines",
            "rougher",
            "smoother",
            "%",
        ),
        DimensionGuard(
            Score.HOLE_AREA_CHANGE,
            Score.HOLE_AREA_CHANGE_SE,
            hole_area_change,
            standard_errors,
            "makes the holes",
            "larger",
            "smaller",
            "%",
        ),
        DimensionGuard(
            Score.ELLIPTICITY_CHANGE,
            Score.ELLIPTICITY_CHANGE_SE,
            ellipticity_change,
            standard_errors,
            "makes the holes, for their height,",
            "wider",
            "narrower",
            "%",
        ),
    )
