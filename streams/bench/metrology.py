"""Whether restorations keep the dimensions of patterns, and whether the guards of these dimensions know it."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from schemas.model import Record
from schemas.scores import RAW
from stages.metrics.names import Score
from stages.metrics.patterns import HOLES, LINES
from stages.selector import Selector
from stages.selector.guards import vetoes
from stages.selector.rounding import GreyLevels
from stages.selector.rule import select
from stages.stage import Stage
from streams.bench.patterns import Deviations, Pattern, patterns
from streams.bench.rehearsal import rehearse
from streams.errors import UsageError

AIMS: Mapping[Score, float] = MappingProxyType(
    {Score.CD_BIAS: 0.05, Score.LWR_CHANGE: 0.05, Score.HOLE_AREA_CHANGE: 0.03, Score.ELLIPTICITY_CHANGE: 0.02}
)
"""How far a result's dimensions may be from the truth; a guard's bound may be stricter than what it is to achieve."""
CLEARLY = 2.0
"""A candidate is clearly outside where a dimension deviates from the truth by so many times its aim."""


@dataclass(frozen=True)
class Judgement:
    """One candidate of one image: how far it truly is from the specimen, and whether a guard vetoed it."""

    name: str
    deviations: Deviations
    vetoed: bool
    favourite: bool
    """Whether it is chosen where nothing is guarded."""
    selected: bool


@dataclass(frozen=True)
class PatternResult:
    """What became of one image."""

    judgements: Sequence[Judgement]
    measured: bool
    """Whether its dimensions could be measured, noisy as it is."""
    kept: bool
    """Whether the raw frame was kept."""


class MethodFigures(Record):
    """One method by itself: its restorations of every image, chosen or not. Deviations as in `PatternFigures`."""

    images: int
    mean: dict[str, float | None]
    p95: dict[str, float | None]
    within: dict[str, float | None]
    vetoed: float | None
    """Share of them that the guards of dimensions veto."""


class PatternFigures(Record):
    """Figures of one recipe. Deviations are from the truth, in absolute value; ``None`` where nothing was counted."""

    images: int
    measured: int
    """Noisy images whose dimensions could be measured."""
    kept: int
    """Images whose raw frame was kept; they count in no deviation."""
    p95: dict[str, float | None]
    """What 95 % of the selected restorations are below, by dimension."""
    within: dict[str, float | None]
    """Share of the selected restorations that are within the aim."""
    unguarded: dict[str, float | None]
    """Mean deviation of what is chosen where nothing is guarded."""
    inside: int
    """Candidates that are chosen where nothing is guarded, and truly within every aim."""
    fires_inside: float | None
    """Share of them that is vetoed."""
    fires_inside_all: float | None
    """The same of all candidates that are truly within every aim."""
    outside: int
    """Candidates of which some dimension truly deviates by twice its aim and more."""
    fires_outside: float | None
    """Share of them that is vetoed."""
    methods: dict[str, MethodFigures]
    """Candidates by themselves."""


class LinesFigures(PatternFigures):
    """Figures of lines and spaces; the two deviations are means over the selected restorations."""

    cd_bias_px: float | None = None
    lwr_change: float | None = None


class HolesFigures(PatternFigures):
    """Figures of contact holes; the two deviations are means over the selected restorations."""

    hole_area_change: float | None = None
    ellipticity_change: float | None = None


class MetrologyFigures(Record):
    """Figures of the recipes whose dimensions are guarded."""

    lines: LinesFigures
    holes: HolesFigures


def measure_metrology(
    stages: Sequence[Stage], *, images: int, seed: int, size_px: int = 512, show: Callable[[str], None] = lambda _: None
) -> MetrologyFigures:
    """Restore simulated lines and holes of known dimensions, so many each, and see what is selected and what is vetoed.

    Raises
    ------
    UsageError
        If no stage selects.
    """
    selector = next((stage for stage in stages if isinstance(stage, Selector)), None)
    if selector is None:
        raise UsageError("the pipeline has no stage that selects; add stages.selector:Selector to its path")
    results: dict[str, list[PatternResult]] = {LINES: [], HOLES: []}
    for recipe, found in results.items():
        for pattern in patterns(recipe, images=images, seed=seed, size_px=size_px):
            found.append(judge(stages, selector, pattern))
            show(f"{recipe} {len(found)}/{images}")
    return MetrologyFigures(
        lines=LinesFigures.model_validate(figures_of(results[LINES])),
        holes=HolesFigures.model_validate(figures_of(results[HOLES])),
    )


def judge(stages: Sequence[Stage], selector: Selector, pattern: Pattern) -> PatternResult:
    """Take one image through the stages and compare every restoration with the truth."""
    rehearsed = rehearse(stages, pattern.sight, f"{pattern.recipe}_{pattern.number}", recipe=pattern.recipe)
    event, selection = rehearsed.event, rehearsed.event.selection
    if selection is None:
        raise UsageError("the pipeline's selector is not in its path")
    inf = math.inf
    measured = replace(selector, evidence_z=inf)
    careless = replace(measured, cd_bias_px=inf, lwr_change=inf, hole_area_change=inf, ellipticity_change=inf)
    vetoed = vetoes(event.candidates, measured.guards)
    favourite = select(event.candidates, event.noise, careless, GreyLevels.of(event.image)).chosen
    judgements = [
        Judgement(name, pattern.deviations(frame.pixels), name in vetoed, name == favourite, name == selection.chosen)
        for name, frame in rehearsed.frames.items()
        if name != RAW
    ]
    scored = (candidate.scores.get(score) for candidate in event.candidates for score in AIMS)
    return PatternResult(judgements, any(value is not None for value in scored), selection.chosen == RAW)


def figures_of(results: Sequence[PatternResult]) -> dict[str, object]:
    """Count and average; of a recipe's figures every one by its name."""
    everyone = [judgement for result in results for judgement in result.judgements]
    seen = [judgement for result in results if result.measured for judgement in result.judgements]
    inside = [j for j in seen if all(abs(v) <= AIMS[name] for name, v in j.deviations.items())]
    outside = [j for j in seen if any(abs(v) >= CLEARLY * AIMS[name] for name, v in j.deviations.items())]
    selected = _deviations([judgement for judgement in everyone if judgement.selected])
    unguarded = _deviations([judgement for judgement in everyone if judgement.favourite])
    return {
        "images": len(results),
        "measured": sum(result.measured for result in results),
        "kept": sum(result.kept for result in results),
        **{name.value: _mean(values) for name, values in selected.items()},
        "p95": _p95(selected),
        "within": _within(selected),
        "unguarded": {name.value: _mean(values) for name, values in unguarded.items()},
        "inside": sum(judgement.favourite for judgement in inside),
        "fires_inside": _mean([judgement.vetoed for judgement in inside if judgement.favourite]),
        "fires_inside_all": _mean([judgement.vetoed for judgement in inside]),
        "outside": len(outside),
        "fires_outside": _mean([judgement.vetoed for judgement in outside]),
        "methods": {
            name: _of_method([judgement for judgement in everyone if judgement.name == name]).model_dump()
            for name in dict.fromkeys(judgement.name for judgement in everyone)
        },
    }


def _of_method(judgements: Sequence[Judgement]) -> MethodFigures:
    found = _deviations(judgements)
    return MethodFigures(
        images=len(judgements),
        mean={name.value: _mean(values) for name, values in found.items()},
        p95=_p95(found),
        within=_within(found),
        vetoed=_mean([judgement.vetoed for judgement in judgements]),
    )


def _p95(found: Mapping[Score, Sequence[float]]) -> dict[str, float | None]:
    return {name.value: _short(float(np.percentile(values, 95))) for name, values in found.items()}


def _within(found: Mapping[Score, Sequence[float]]) -> dict[str, float | None]:
    return {name.value: _mean([value <= AIMS[name] for value in values]) for name, values in found.items()}


def _deviations(judgements: Sequence[Judgement]) -> dict[Score, list[float]]:
    names = dict.fromkeys(name for judgement in judgements for name in judgement.deviations)
    return {name: [abs(judgement.deviations[name]) for judgement in judgements] for name in names}


def _mean(values: Iterable[float]) -> float | None:
    counted = list(values)
    return _short(float(np.mean(counted))) if counted else None


def _short(value: float) -> float:
    return round(value, 4)
