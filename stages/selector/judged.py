"""Candidates as the rule sees them: what each risks, how gentle it is, and how two of them differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.scores import RAW, Candidate, Judge, NoiseRecord, Risk
from stages.metrics.names import Score
from stages.risk import RECORRUPTION
from stages.selector.rounding import CONTINUOUS, GreyLevels


@dataclass(frozen=True)
class Judged:
    """A candidate with what the rule reads of it."""

    name: str
    risk: Risk
    score: float
    """Both voices, weighted, and the rounding of what will be written; squared units of full scale."""
    removed: float | None
    """Residual energy: the gentler a candidate, the less it removed. ``None`` where it was not scored."""
    rounding: float = 0.0
    """What writing it to a file adds to its squared error."""
    blocks: tuple[float, ...] = ()
    """The score, without rounding, block by block; none where a voice that counts has none."""

    @property
    def error(self) -> float:
        """Estimated squared error of what will be written, by the first voice alone."""
        return self.risk.value + self.rounding

    def is_gentler_than(self, other: "Judged") -> bool:
        """Whether it removed less; the raw frame is gentler than a restoration that changes no pixel."""
        if self.removed is None or other.removed is None:
            return False
        return (self.removed, self.name != RAW) < (other.removed, other.name != RAW)


@dataclass(frozen=True)
class Difference:
    """How much more one candidate risks than another, and the standard error of that."""

    more: float
    error: float

    @property
    def errors_apart(self) -> float:
        """The difference in standard errors, without its sign."""
        return abs(self.more) / self.error if self.error > 0 else float("inf")


def judged(
    candidates: Sequence[Candidate],
    noise: NoiseRecord | None,
    *,
    second_voice: float = 0.0,
    levels: GreyLevels = CONTINUOUS,
) -> list[Judged]:
    """Return the candidates that have a risk, in order; the raw frame's risk is known from its noise alone.

    Where the noise follows no law there are none: whatever was estimated by it means nothing.
    """
    if noise is not None and not noise.holds:
        return []
    assessed = [(c, c.risk) for c in candidates if c.skipped is None and c.risk is not None]
    known = [_judged(c, r, second_voice, levels) for c, r in assessed]
    if noise is None or any(candidate.name == RAW for candidate in known):
        return known
    # what the noise costs a frame left as it is, and what recorruption, where it judges, adds for every candidate
    recorrupted = all(risk.by is Judge.RECORRUPTION for _, risk in assessed)
    value = noise.sigma**2 * (1 + RECORRUPTION**2 if recorrupted else 1)
    return [Judged(RAW, Risk(value=value, se=0.0, row_j=value, blocks=()), value, 0.0), *known]


def difference(one: Judged, other: Judged) -> Difference:
    """Compare two candidates of an image, block by block where their blocks are paired.

    What is not known of the noise variance counts where one of them subtracts it and the other does not.
    """
    ours, theirs = np.array(one.blocks), np.array(other.blocks)
    more = one.score - other.score
    if len(ours) != len(theirs) or len(ours) < 2 or one.risk.by is not other.risk.by:
        return Difference(more, float(np.hypot(one.risk.se, other.risk.se)))
    scatter = np.std(ours - theirs, ddof=1) / len(ours) ** 0.5
    return Difference(more, float(np.hypot(scatter, one.risk.variance_se - other.risk.variance_se)))


def _judged(candidate: Candidate, risk: Risk, second_voice: float, levels: GreyLevels) -> Judged:
    removed = _removed(candidate)
    # the raw frame lies on the levels already, and its noise has theirs in it; so does what changes no pixel of it
    rounding = 0.0 if removed == 0 else levels.variance
    score = _both(risk.value, risk.row_j, second_voice)
    return Judged(candidate.name, risk, score + rounding, removed, rounding, _blocks(risk, second_voice))


def _blocks(risk: Risk, second_voice: float) -> tuple[float, ...]:
    if second_voice == 0:
        return risk.blocks
    pairs = zip(risk.blocks, risk.row_blocks or (), strict=False)
    return tuple(_both(first, second, second_voice) for first, second in pairs)


def _both(first: float, second: float, weight: float) -> float:
    return (first + weight * second) / (1 + weight)


def _removed(candidate: Candidate) -> float | None:
    return 0.0 if candidate.name == RAW else candidate.scores.get(Score.RESIDUAL_ENERGY)
