"""A restoration that moves the dimensions of a declared pattern is vetoed, beyond doubt and in words."""

from dataclasses import replace

import pytest

from schemas.scores import RAW, Candidate, NoiseRecord
from stages.metrics.names import Score
from stages.selector import Selector
from stages.selector.guards import vetoes
from stages.selector.metrology import DimensionGuard
from stages.selector.rule import Flag, Rule, select
from tests.stages.selector.conftest import MakeCandidate


def measured(candidate: Candidate, *changes: tuple[Score, float | None, Score, float | None]) -> Candidate:
    found = {name.value: value for change in changes for name, value in (change[:2], change[2:])}
    return candidate.but(scores={**candidate.scores, **found})


def cd(bias: float | None, se: float | None = 0.01) -> tuple[Score, float | None, Score, float | None]:
    return (Score.CD_BIAS, bias, Score.CD_BIAS_SE, se)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            cd(-0.12),
            "makes the lines 0.12 px narrower than the raw frame's mean has them "
            "(standard error 0.01 px, bound 0.05 px)",
        ),
        (
            (Score.LWR_CHANGE, 0.083, Score.LWR_CHANGE_SE, 0.01),
            "makes the lines 8.3 % rougher than the raw frame's mean has them (standard error 1 %, bound 4 %)",
        ),
        (
            (Score.HOLE_AREA_CHANGE, -0.041, Score.HOLE_AREA_CHANGE_SE, 0.002),
            "makes the holes 4.1 % smaller than the raw frame's mean has them (standard error 0.2 %, bound 3 %)",
        ),
        (
            (Score.ELLIPTICITY_CHANGE, 0.05, Score.ELLIPTICITY_CHANGE_SE, 0.004),
            "makes the holes, for their height, 5 % wider than the raw frame's mean has them "
            "(standard error 0.4 %, bound 2 %)",
        ),
    ],
)
def test_each_dimension_has_a_bound_and_a_reason_in_words_and_numbers(
    make: MakeCandidate, change: tuple[Score, float | None, Score, float | None], reason: str
) -> None:
    assert vetoes([measured(make("tv", 1e-4), change)], Rule().guards) == {"tv": reason}


@pytest.mark.parametrize(
    ("scores", "flagged"),
    [
        ({}, False),
        ({Score.CD.value: None, Score.LWR.value: None}, True),
        ({Score.HOLE_AREA.value: None}, True),
        ({Score.CD.value: 21.4, Score.LWR.value: None}, False),
        ({Score.HOLE_AREA.value: 120.0}, False),
    ],
)
def test_a_pattern_that_was_not_found_is_flagged(
    make: MakeCandidate, scores: dict[str, float | None], flagged: bool
) -> None:
    candidates = [make(name, risk).but(scores=scores) for name, risk in ((RAW, 1e-2), ("tv", 1e-4))]
    assert (Flag.UNMEASURED in select(candidates, None, Rule()).flags) == flagged


@pytest.mark.parametrize(
    ("bias", "se", "fires"), [(0.049, 0.0, False), (0.07, 0.01, True), (0.07, 0.03, False), (-0.2, 0.16, False)]
)
def test_what_cannot_be_told_from_the_bound_is_no_reason(
    make: MakeCandidate, bias: float, se: float, fires: bool
) -> None:
    assert bool(vetoes([measured(make("tv", 1e-4), cd(bias, se))], Rule().guards)) == fires


@pytest.mark.parametrize("missing", [cd(None, None), cd(None, 0.01), cd(9.0, None)])
def test_what_was_not_measured_is_not_guarded(
    make: MakeCandidate, missing: tuple[Score, float | None, Score, float | None]
) -> None:
    assert vetoes([measured(make("tv", 1e-4), missing), make("bm3d", 2e-4)], Rule().guards) == {}


def test_the_lowest_risk_that_keeps_the_dimensions_is_chosen(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), measured(make("blur", 4e-4), cd(0.4)), measured(make("bm3d", 5e-4), cd(0.02))]
    selection = select(pool, noise, Rule())
    assert selection.chosen == "bm3d"
    assert "vetoed: blur makes the lines 0.4 px wider" in selection.reason
    assert select(pool, noise, replace(Rule(), cd_bias_px=1.0)).chosen == "blur"


def test_where_all_move_the_edges_the_raw_frame_is_kept(make: MakeCandidate, noise: NoiseRecord) -> None:
    selection = select([make(RAW, 6e-3), measured(make("blur", 4e-4), cd(0.4))], noise, Rule())
    assert (selection.chosen, selection.flags) == (RAW, (Flag.VETOED,))


def test_the_bounds_are_options_of_the_stage() -> None:
    selector = Selector(cd_bias_px=0.1, dimension_errors=3.0)
    guards = [guard for guard in selector.guards if isinstance(guard, DimensionGuard) and guard.change is Score.CD_BIAS]
    assert [(guard.bound, guard.standard_errors) for guard in guards] == [(0.1, 3.0)]
