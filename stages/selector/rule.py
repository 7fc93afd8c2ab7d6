"""The rule by which one candidate of an image is chosen. It reads the event and nothing else, so it can be replayed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.model import Positive
from schemas.scores import AVERAGE, RAW, Candidate, NoiseRecord, PriorUse, Selection
from stages.metrics.names import Score
from stages.selector import reasons
from stages.selector.claims import ErrorClaim
from stages.selector.guards import EvidenceGuard, Guard, vetoes
from stages.selector.judged import Judged, difference, judged
from stages.selector.metrology import dimension_guards, unmeasured
from stages.selector.rounding import CONTINUOUS, GreyLevels
from stages.selector.second_voice import preferred

RULE = "lowest-risk"
"""Name of the rule in a selection."""


class Flag(StrEnum):
    """What a person should know before believing a selection."""

    NO_LAW = "its noise does not follow the model, so no restoration of it could be judged"
    NOTHING_JUDGED = "no restoration could be judged"
    WITHIN_ROUNDING = "its noise is within the rounding of the file's grey levels, so no gain is claimed"
    DISAGREEMENT = "a second estimate of the error clearly prefers another candidate"
    VETOED = "every restoration did something that its guards forbid"
    SATURATED = "much of the frame is saturated, and there nothing was judged"
    PRIOR_ALONE = "it says too little of its own noise, so that of the feed's prior stands for it"
    PRIOR_CONTRADICTED = "its noise does not fit the feed's prior: check the instrument's settings"
    SECOND_FRAME_UNUSED = "its second frame could not be used: see why there is no average of both"
    UNMEASURED = "the pattern of its recipe was not found in it, so nothing guards its dimensions: docs/metrology.md"
    UNGUARDED = (
        "its evidence guard could look at less than half of it, for too much is clipped, or it is too small: "
        "docs/evidence.md"
    )
    IMPOSSIBLE = (
        "its estimated error came out negative: the noise law fits this frame badly, so look before you believe"
    )


PRIOR_FLAGS = {PriorUse.ALONE: Flag.PRIOR_ALONE, PriorUse.CONTRADICTED: Flag.PRIOR_CONTRADICTED}

AtLeastZero = Annotated[float, Field(ge=0)]
Portion = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Rule:
    """The lowest risk wins; of those that cannot be told from it, the gentlest."""

    standard_errors: AtLeastZero = 1.0
    """A candidate within so many standard errors of the paired difference cannot be told from the best."""
    tolerance_db: AtLeastZero = 0.1
    """Nor more than so many decibels of the best one's error, as it is claimed, however large the standard error is."""
    second_voice: AtLeastZero = 0.0
    """Weight of the row-wise J-invariant estimate beside the 1 of the recorruption estimate."""
    disagreement: AtLeastZero = 3.0
    """Standard errors of the paired difference by which the second voice alone must prefer another candidate."""
    disagreement_db: AtLeastZero = 1.0
    """And decibels."""
    informed: AtLeastZero = 0.3
    """Share of the raw frame's risk up to which the second voice is believed; where it says more it cannot tell."""
    rounding: AtLeastZero = 0.5
    """Noise, in grey levels of the file, up to which a frame is kept as it is."""
    saturated: Portion = 0.2
    """Share of saturated pixels from which a selection is flagged."""
    evidence_z: Positive = 6.1
    """Standard deviations by which a candidate may disagree with the raw frame before it is vetoed (ADR 16)."""
    evidence_covered: Portion = 0.5
    """Share of the frame that the evidence must have looked at; below it a selection is flagged."""

    cd_bias_px: AtLeastZero = 0.05
    """Pixels by which lines may become wider or narrower (images of the recipe ``lines``)."""
    lwr_change: AtLeastZero = 0.04
    """Share by which their roughness may change, as measured: what is measured falls short of 0.05 by up to 0.02."""
    hole_area_change: AtLeastZero = 0.03
    """Share by which the area of holes may change (images of the recipe ``holes``)."""
    ellipticity_change: AtLeastZero = 0.02
    """Share by which their width over their height may change."""
    dimension_errors: AtLeastZero = 1.0
    """Standard errors by which one of these bounds must be exceeded."""

    @property
    def guards(self) -> tuple[Guard, ...]:
        """What vetoes a candidate."""
        dimensions = dimension_guards(
            cd_bias_px=self.cd_bias_px,
            lwr_change=self.lwr_change,
            hole_area_change=self.hole_area_change,
            ellipticity_change=self.ellipticity_change,
            standard_errors=self.dimension_errors,
        )
        return (EvidenceGuard(self.evidence_z), *dimensions)


def select(
    candidates: Sequence[Candidate], noise: NoiseRecord | None, rule: Rule, levels: GreyLevels = CONTINUOUS
) -> Selection:
    """Choose one of an image's candidates, the raw frame among them.

    A candidate that was skipped or has no risk cannot be chosen; the raw frame is what remains when nothing can be.
    """
    everyone = judged(candidates, noise, second_voice=rule.second_voice, levels=levels)
    selection = _of_those(everyone, candidates, noise, rule, levels)
    return selection.but(flags=(*selection.flags, *_of_the_image(selection.chosen, candidates, noise, rule)))


def _of_those(
    everyone: Sequence[Judged],
    candidates: Sequence[Candidate],
    noise: NoiseRecord | None,
    rule: Rule,
    levels: GreyLevels,
) -> Selection:
    if noise is not None and not noise.holds:
        return _kept(reasons.no_law(noise.why_not), Flag.NO_LAW)
    if noise is not None and not levels.hold(noise, least=rule.rounding):
        return _kept(reasons.within_rounding(noise.sigma, levels.read), Flag.WITHIN_ROUNDING)
    if all(candidate.name == RAW for candidate in everyone):
        return _kept(reasons.nothing_judged(), Flag.NOTHING_JUDGED)
    vetoed = vetoes(candidates, rule.guards)
    pool = [candidate for candidate in everyone if candidate.name not in vetoed]
    if all(candidate.name == RAW for candidate in pool):
        return _kept(reasons.all_vetoed(vetoed), Flag.VETOED).but(vetoes=vetoed)
    best = min(pool, key=lambda candidate: candidate.score)
    selection = _questioned(_chosen(_gentlest(best, pool, rule), best, pool), pool, rule)
    return selection.but(reason=selection.reason + _passed_over(selection, best, everyone, vetoed), vetoes=vetoed)


def _of_the_image(
    chosen: str, candidates: Sequence[Candidate], noise: NoiseRecord | None, rule: Rule
) -> Iterator[Flag]:
    """Yield what is to be known of an image whatever was chosen of it, and what was asked for and could not be had."""
    if noise is not None and noise.saturated >= rule.saturated:
        yield Flag.SATURATED
    if noise is not None and noise.prior_use in PRIOR_FLAGS:
        yield PRIOR_FLAGS[noise.prior_use]
    if _is_unguarded(chosen, candidates, rule):
        yield Flag.UNGUARDED
    if any(candidate.name == AVERAGE and candidate.skipped for candidate in candidates):
        yield Flag.SECOND_FRAME_UNUSED
    if unmeasured(candidates):
        yield Flag.UNMEASURED


def _is_unguarded(chosen: str, candidates: Sequence[Candidate], rule: Rule) -> bool:
    """Whether the evidence saw too little of some restoration, or nothing of the chosen one."""
    covered = {candidate.name: candidate.scores.get(Score.EVIDENCE_COVERED) for candidate in candidates}
    seen_too_little = any(share is not None and share < rule.evidence_covered for share in covered.values())
    return seen_too_little or (chosen != RAW and covered.get(chosen) is None)


def _passed_over(selection: Selection, best: Judged, everyone: Sequence[Judged], vetoed: Mapping[str, str]) -> str:
    """Name the vetoed candidates that would have been chosen, or the runner-up."""
    barred = [candidate for candidate in everyone if candidate.name in vetoed]
    lower = [c.name for c in barred if c.score < best.score]
    second = next((c.score for c in everyone if c.name == selection.runner_up), best.score)
    nearer = [c.name for c in barred if best.score <= c.score < second]
    return reasons.vetoed(vetoed, lower) + reasons.nearer(nearer, selection.runner_up)


def _kept(why: str, flag: Flag) -> Selection:
    return Selection(chosen=RAW, rule=RULE, reason=why, flags=(flag,))


def _gentlest(best: Judged, pool: Sequence[Judged], rule: Rule) -> Judged:
    chosen, tolerance = best, ErrorClaim.of(best).stated * (10 ** (rule.tolerance_db / 10) - 1)
    for candidate in pool:
        apart = difference(candidate, best)
        alike = apart.more <= min(rule.standard_errors * apart.error, tolerance)
        if alike and candidate.is_gentler_than(chosen):
            chosen = candidate
    return chosen


def _chosen(chosen: Judged, best: Judged, pool: Sequence[Judged]) -> Selection:
    selection = Selection(chosen=chosen.name, rule=RULE, reason=reasons.only_one(chosen))
    if len(pool) == 1:
        return selection
    runner_up = min((c for c in pool if c is not chosen), key=lambda candidate: candidate.score)
    apart = difference(runner_up, chosen)
    why = reasons.lowest(chosen, runner_up, apart) if chosen is best else reasons.gentlest(chosen, best, apart)
    return selection.but(reason=why, runner_up=runner_up.name, margin=_short(apart.more), margin_se=_short(apart.error))


def _questioned(selection: Selection, pool: Sequence[Judged], rule: Rule) -> Selection:
    """Add what speaks against the choice."""
    chosen = next(candidate for candidate in pool if candidate.name == selection.chosen)
    favourite = preferred(
        chosen, pool, informed=rule.informed, standard_errors=rule.disagreement, decibels=rule.disagreement_db
    )
    flags = {Flag.DISAGREEMENT: favourite is not None, Flag.IMPOSSIBLE: chosen.risk.value < -chosen.risk.se}
    more = reasons.judged_by(chosen) + (reasons.preferred_by_the_second(favourite) if favourite else "")
    return selection.but(reason=selection.reason + more, flags=tuple(flag for flag, raised in flags.items() if raised))


def _short(value: float) -> float:
    return float(f"{value:.4g}")
