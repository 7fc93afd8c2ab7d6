"""The benchmark of dimensions, on a few small images."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from stages.filter import Filter
from stages.filter.gaussian import Gaussian
from stages.metrics import Metrics
from stages.metrics.names import Score
from stages.selector import Selector
from streams.bench.metrology import (
    HolesFigures,
    Judgement,
    LinesFigures,
    MetrologyFigures,
    PatternResult,
    figures_of,
    judge,
    measure_metrology,
)
from streams.bench.metrology_tables import print_metrology
from streams.bench.patterns import patterns
from streams.commands.bench import bench
from streams.errors import UsageError

STAGES = (Filter(candidates={"gaussian": Gaussian(strength=2.0)}), Metrics(), Selector())


def judgement(
    cd: float,
    lwr: float,
    *,
    name: str = "bm3d",
    vetoed: bool = False,
    favourite: bool = False,
    selected: bool = False,
) -> Judgement:
    return Judgement(name, {Score.CD_BIAS: cd, Score.LWR_CHANGE: lwr}, vetoed, favourite, selected)


def test_every_method_is_also_judged_by_itself() -> None:
    first = [judgement(-0.04, 0.01, selected=True), judgement(0.3, 0.0, name="unet", vetoed=True)]
    second = [judgement(0.08, 0.02), judgement(0.1, 0.0, name="unet")]
    results = [PatternResult(one, measured=True, kept=False) for one in (first, second)]
    methods = LinesFigures.model_validate(figures_of(results)).methods
    assert set(methods) == {"bm3d", "unet"}
    assert methods["bm3d"].mean == {"cd_bias_px": 0.06, "lwr_change": 0.015}
    assert methods["bm3d"].within == {"cd_bias_px": 0.5, "lwr_change": 1}
    assert (methods["bm3d"].vetoed, methods["unet"].vetoed) == (0, 0.5)
    assert methods["unet"].p95["cd_bias_px"] == pytest.approx(0.29)


def test_figures_count_who_is_inside_and_who_is_clearly_outside() -> None:
    first = [
        judgement(-0.04, 0.01, selected=True),
        judgement(0.3, 0.0, vetoed=True, favourite=True),
        judgement(0.0, -0.2),
    ]
    second = [judgement(0.02, 0.03, vetoed=True, favourite=True), judgement(0.08, 0.0)]
    results = [PatternResult(first, measured=True, kept=False), PatternResult(second, measured=True, kept=True)]
    figures = LinesFigures.model_validate(figures_of(results))
    assert (figures.images, figures.measured, figures.kept) == (2, 2, 1)
    assert (figures.cd_bias_px, figures.lwr_change) == (0.04, 0.01)
    assert figures.unguarded == {"cd_bias_px": 0.16, "lwr_change": 0.015}
    assert figures.within == {"cd_bias_px": 1.0, "lwr_change": 1.0}
    assert (figures.inside, figures.fires_inside, figures.fires_inside_all) == (1, 1.0, 0.5)
    assert (figures.outside, figures.fires_outside) == (2, 0.5)


def test_images_that_could_not_be_measured_count_for_no_guard() -> None:
    results = [PatternResult([judgement(0.4, 0.0, favourite=True, selected=True)], measured=False, kept=False)]
    figures = LinesFigures.model_validate(figures_of(results))
    assert (figures.cd_bias_px, figures.outside, figures.fires_outside, figures.fires_inside) == (0.4, 0, None, None)


def test_patterns_follow_from_the_seed_and_are_half_white() -> None:
    one, two = (list(patterns("lines", images=2, seed=3, size_px=192)) for _ in range(2))
    assert [p.sight.sha256 for p in one] == [p.sight.sha256 for p in two]
    assert one[0].sight.sha256 != one[1].sight.sha256


@pytest.mark.parametrize("recipe", ["lines", "holes"])
def test_a_strong_blur_is_judged_and_vetoed(recipe: str) -> None:
    (pattern,) = patterns(recipe, images=1, seed=7, size_px=256)
    result = judge(STAGES, Selector(), pattern)
    assert result.measured
    (blur,) = result.judgements
    assert blur.favourite
    assert max(abs(v) for v in blur.deviations.values()) > 0.05
    assert (blur.vetoed, result.kept) == (True, True)


def test_a_pipeline_without_selector_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="no stage that selects"):
        measure_metrology(STAGES[:-1], images=1, seed=1)


def test_people_read_a_table_a_recipe() -> None:
    lines = LinesFigures.model_validate(
        figures_of([PatternResult([judgement(0.01, 0.02, selected=True)], True, False)])
    )
    holes = HolesFigures.model_validate(figures_of([]))
    text = io.StringIO()
    print_metrology(Console(file=text, width=120), MetrologyFigures(lines=lines, holes=holes))
    assert "CD bias" in text.getvalue()
    assert "0 images, 0 measured" in text.getvalue()


def test_the_last_line_is_one_json_object_of_figures(tmp_path: Path) -> None:
    file = tmp_path / "cheap.toml"
    file.write_text(
        'path = ["stages.filter:Filter", "stages.metrics:Metrics", "stages.selector:Selector"]\n'
        '[filter.candidates.gaussian]\nmethod = "stages.filter.gaussian:Gaussian"\n'
    )
    of = ["--images", "1", "--patterns", "1", "--size", "192", "--candidates", "gaussian"]
    arguments = ["guards", *of, "--pipeline", str(file), "--json"]
    result = CliRunner().invoke(bench(()), arguments, catch_exceptions=False)
    assert result.exit_code == 0
    figures = json.loads(result.stdout.splitlines()[-1])["metrology"]
    assert {"cd_bias_px", "lwr_change", "fires_inside", "fires_outside"} < set(figures["lines"])
    assert {"hole_area_change", "ellipticity_change", "fires_inside", "fires_outside"} < set(figures["holes"])
