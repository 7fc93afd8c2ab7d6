"""The rule by which one candidate of an image is chosen. It reads the event and nothing else, so it can be replayed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.scores import RAW, Candidate, NoiseRecord, Selection
from stages.selector import reasons
from stages.selector.judged import Judged, difference, judged

RULE = "lowest-risk"
"""Name of the rule in a selection."""


class Flag(StrEnum):
    """What a person should know before believing a selection."""

    NO_LAW = "its noise does not follow the model, so no restoration of it could be judged"
    NOTHING_JUDGED = "no restoration could be judged"
    DISAGREEMENT = "a second estimate of the error clearly prefers another candidate"
    SATURATED = "much of the frame is saturated, and there nothing was judged"
    IMPOSSIBLE = "its estimated error is below nothing: the noise law fits this frame badly, so look before you believe"


@dataclass(frozen=True)
class Rule:
    """The lowest risk wins; of those that cannot be told from it, the gentlest."""

    standard_errors: float = 1.0
    """A candidate within so many standard errors of the paired difference cannot be told from the best."""
    tolerance_db: float = 0.3
    """Nor more than so many decibels worse, however large the standard error: of a small frame it is."""
    second_voice: float = 0.0
    """Weight of the row-wise J-invariant estimate beside the 1 of the recorruption estimate."""
    disagreement: float = 0.1
    """Share of the raw frame's risk by which the second voice alone must prefer another candidate to be heard."""
    saturated: float = 0.2
    """Share of saturated pixels from which a selection is flagged."""


def select(candidates: Sequence[Candidate], noise: NoiseRecord | None, rule: Rule) -> Selection:
    """Choose one of an image's candidates, the raw frame among them.

    A candidate that was skipped or has no risk cannot be chosen; the raw frame is what remains when nothing can be.
    """
    if noise is not None and not noise.holds:
        return Selection(chosen=RAW, rule=RULE, reason=reasons.no_law(noise.why_not), flags=(Flag.NO_LAW,))
    pool = judged(candidates, noise, second_voice=rule.second_voice)
    if all(candidate.name == RAW for candidate in pool):
        return Selection(chosen=RAW, rule=RULE, reason=reasons.nothing_judged(), flags=(Flag.NOTHING_JUDGED,))
    best = min(pool, key=lambda candidate: candidate.score)
    chosen = _gentlest(best, pool, rule)
    selection = Selection(
        chosen=chosen.name, rule=RULE, reason=reasons.only_one(chosen), flags=_flags(chosen, pool, noise, rule)
    )
    return selection if len(pool) == 1 else _with_margin(selection, chosen, best, pool)


def _gentlest(best: Judged, pool: Sequence[Judged], rule: Rule) -> Judged:
    chosen, tolerance = best, max(best.score, 0) * (10 ** (rule.tolerance_db / 10) - 1)
    for candidate in pool:
        apart = difference(candidate, best)
        alike = apart.more <= min(rule.standard_errors * apart.error, tolerance)
        if alike and candidate.is_gentler_than(chosen):
            chosen = candidate
    return chosen


def _with_margin(selection: Selection, chosen: Judged, best: Judged, pool: Sequence[Judged]) -> Selection:
    runner_up = min((c for c in pool if c is not chosen), key=lambda candidate: candidate.score)
    apart = difference(runner_up, chosen)
    why = reasons.lowest(chosen, runner_up, apart) if chosen is best else reasons.gentlest(chosen, best, apart)
    return selection.but(reason=why, runner_up=runner_up.name, margin=_short(apart.more), margin_se=_short(apart.error))


def _flags(chosen: Judged, pool: Sequence[Judged], noise: NoiseRecord | None, rule: Rule) -> tuple[Flag, ...]:
    flags = {
        Flag.DISAGREEMENT: _disagree(chosen, pool, rule),
        Flag.IMPOSSIBLE: chosen.risk.value < -chosen.risk.se,
        Flag.SATURATED: noise is not None and noise.saturated >= rule.saturated,
    }
    return tuple(flag for flag, raised in flags.items() if raised)


def _disagree(chosen: Judged, pool: Sequence[Judged], rule: Rule) -> bool:
    raw = next((candidate for candidate in pool if candidate.name == RAW), None)
    least = min(candidate.risk.row_j for candidate in pool)
    return raw is not None and chosen.risk.row_j - least > rule.disagreement * raw.risk.value


def _short(value: float) -> float:
    return float(f"{value:.4g}")
