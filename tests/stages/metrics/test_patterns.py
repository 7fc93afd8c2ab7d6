"""Dimensions are scored for images whose recipe says what they show, and for no others."""

import cv2
import numpy as np
import pytest

from schemas.frame import Frame, Pixels
from schemas.scores import Scoring
from stages.metrics import Metrics
from stages.metrics.names import Score
from stages.metrics.patterns import PATTERNS
from stages.stage import Done, Task
from tests.events import image_event
from tests.stages.metrics.test_stage import candidate
from tests.stages.metrology.conftest import holes, lines, noisy

OF_LINES = {Score.CD, Score.CD_BIAS, Score.CD_BIAS_SE, Score.LWR, Score.LWR_CHANGE, Score.LWR_CHANGE_SE}
OF_HOLES = {
    Score.HOLE_AREA,
    Score.HOLE_AREA_CHANGE,
    Score.HOLE_AREA_CHANGE_SE,
    Score.ELLIPTICITY,
    Score.ELLIPTICITY_CHANGE,
    Score.ELLIPTICITY_CHANGE_SE,
}
OF_PATTERNS = {score.value for score in OF_LINES | OF_HOLES}


def scored(recipe: str | None, raw: Pixels) -> dict[str, dict[str, float | None]]:
    event = image_event()
    event = event.but(candidates=(candidate("blur"),), image=event.image.but(recipe=recipe))
    blurred = np.asarray(cv2.GaussianBlur(raw, (0, 0), 2.5), np.float32)
    (outcome,) = Metrics()([Task(event, ("scores",), {"raw": Frame(raw), "blur": Frame(blurred)})])
    assert isinstance(outcome, Done)
    record = outcome.parts["scores"].record
    assert isinstance(record, Scoring)
    return {
        name: {score: value for score, value in scores.items() if score in OF_PATTERNS}
        for name, scores in record.scores.items()
    }


def test_lines_have_widths_and_roughness_beside_those_of_the_raw_frame() -> None:
    scores = scored("lines", noisy(lines(cd=6, pitch=20)))
    raw, blur = scores["raw"], scores["blur"]
    assert set(raw) == set(blur) == {score.value for score in OF_LINES}
    assert raw["cd_px"] == pytest.approx(6, abs=0.3)
    assert (raw["cd_bias_px"], raw["lwr_change"]) == (0, 0)
    assert (blur["cd_px"] or 0) - (raw["cd_px"] or 0) == pytest.approx(blur["cd_bias_px"], abs=0.01)
    assert abs(blur["cd_bias_px"] or 0) > 5 * (blur["cd_bias_se"] or 1)
    assert (blur["lwr_change"] or 0) > 5 * (blur["lwr_change_se"] or 1)
    assert (raw["lwr_biased_px"] or 0) > 0


def test_holes_have_area_and_shape() -> None:
    scores = scored("holes", noisy(holes(width=9, height=9, pitch=20)))
    assert set(scores["blur"]) == {score.value for score in OF_HOLES}
    assert (scores["blur"]["hole_area_change"] or 0) < -0.05
    assert scores["raw"]["ellipticity"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("recipe", [None, "", "vias", "Lines"])
def test_other_recipes_are_not_measured(recipe: str | None) -> None:
    assert recipe not in PATTERNS
    assert scored(recipe, noisy(lines()))["blur"] == {}


@pytest.mark.parametrize("recipe", list(PATTERNS))
@pytest.mark.parametrize(
    "raw", [np.full((80, 90), 0.5, np.float32), np.zeros((20, 20), np.float32)], ids=["flat", "small"]
)
def test_where_the_pattern_is_not_there_the_scores_are_absent(recipe: str, raw: Pixels) -> None:
    for scores in scored(recipe, raw).values():
        assert scores
        assert set(scores.values()) == {None}
