import re

from schemas.scores import RAW, Candidate
from streams.report import quantities
from streams.report.candidates import BEST_SHOWN, candidate_table, pictured, ranked, score_table
from tests.streams.report.entries import BM3D, GAUSSIAN, MEDIAN, RAW_FRAME, SELECTION, entry, risk


def named(name: str, value: float) -> Candidate:
    return GAUSSIAN.but(name=name, risk=risk(value))


def test_candidates_are_ranked_by_estimated_error_and_unknown_errors_come_last() -> None:
    unknown = BM3D.but(name="mean", risk=None)
    event = entry(candidates=(unknown, RAW_FRAME, GAUSSIAN, MEDIAN, BM3D)).event
    assert [c.name for c in ranked(event)] == ["bm3d", "gaussian", RAW, "mean"]


def test_rows_follow_the_errors_that_are_shown() -> None:
    unsure = BM3D.but(name="unsure", risk=risk(1e-4).but(se=6e-4))
    surer = BM3D.but(name="surer", risk=risk(2e-4).but(se=5e-4))
    same = RAW_FRAME.but(name="same", scores={"residual_energy": 0.0})
    event = entry(candidates=(same, GAUSSIAN, unsure, RAW_FRAME, surer)).event
    errors = [quantities.shown(quantities.error_of(event, c)) for c in ranked(event)]
    assert errors == ["< 3.47", "< 3.61", "3.16 ± 0.08", "6.32 ± 0.16", "6.32 ± 0.16"]
    assert quantities.shown(quantities.gain_of(event, same)) == "0.0"


def test_an_upper_end_above_a_lower_number_is_explained() -> None:
    unsure = BM3D.but(name="unsure", risk=risk(1e-4).but(se=6e-4))
    told = "An error after &lt; is an upper end"
    assert told in candidate_table(entry(candidates=(GAUSSIAN, unsure, RAW_FRAME)).event)
    assert told not in candidate_table(entry(candidates=(unsure, RAW_FRAME)).event)
    assert told not in candidate_table(entry().event)


def test_a_vetoed_candidate_has_a_badge_and_its_reason() -> None:
    vetoed = SELECTION.but(vetoes={"gaussian": "makes the holes 8 % smaller"}, runner_up="raw")
    table = candidate_table(entry(selection=vetoed).event)
    assert 'gaussian<span class="badge veto" title="gaussian makes the holes 8 % smaller">vetoed</span>' in table
    assert "<li><b>gaussian</b> makes the holes 8 % smaller</li>" in table
    assert "etoed" not in candidate_table(entry().event)


def test_pictures_are_of_the_chosen_and_the_best_others_never_of_skipped_ones() -> None:
    others = tuple(named(f"m{i}", 1e-3 + i * 1e-5) for i in range(9))
    event = entry(candidates=(RAW_FRAME, MEDIAN, *others), selection=SELECTION.but(chosen="m8")).event
    names = [c.name for c in pictured(event)]
    assert names == [f"m{i}" for i in range(BEST_SHOWN)] + ["m8"]


def test_the_table_marks_the_chosen_and_the_runner_up() -> None:
    table = candidate_table(entry().event)
    assert '<tr class="chosen"><th scope="row" title="BM3D, computed by filter">bm3d<span class="badge">chosen' in table
    assert 'gaussian<span class="badge faint">runner-up' in table


def test_the_table_gives_error_gain_and_time() -> None:
    table = candidate_table(entry().event)
    assert ">2.00 ± 0.05<" in table
    assert ">+10.0 ± 0.2<" in table
    assert ">2.0 s<" in table


def test_the_raw_frame_without_a_risk_is_as_wrong_as_its_noise_and_that_of_the_trial() -> None:
    table = candidate_table(entry(candidates=(RAW_FRAME.but(risk=None), BM3D)).event)
    assert re.search(r'>raw</th><td class="number">7\.83</td><td[^>]*><span class="bar" style="--share:1\.000"', table)


def test_skipped_methods_are_named_with_their_reason() -> None:
    assert "<b>median</b> no impulse noise was found" in candidate_table(entry().event)


def test_a_cached_candidate_says_so_and_the_column_is_absent_where_none_is() -> None:
    assert ">cached<" in candidate_table(entry(candidates=(RAW_FRAME, BM3D.but(cache_hit=True))).event)
    assert "cache" not in candidate_table(entry().event)


def test_a_score_without_a_value_is_a_dash_and_one_that_nobody_has_is_only_named() -> None:
    scored = BM3D.but(scores={"odd_score": 0.5, "absent_score": None})
    other = GAUSSIAN.but(scores={"odd_score": None, "absent_score": None})
    table = score_table(entry(candidates=(RAW_FRAME, scored, other)).event)
    assert ">0.5000<" in table
    assert ">–<" in table
    assert "Without a value for this image: absent_score" in table


def test_parameters_are_listed_with_their_method() -> None:
    table = score_table(entry(candidates=(BM3D.but(parameters={"strength": 1.25, "profile": None}),)).event)
    assert "<b>bm3d</b> BM3D: strength = 1.25, profile = None" in table


def test_dimensions_stand_in_the_short_table_those_of_the_raw_frame_beside_the_others() -> None:
    raw = RAW_FRAME.but(scores={"cd_px": 15.93, "cd_bias_px": 0.0, "lwr_biased_px": 5.49})
    bm3d = BM3D.but(scores={"cd_px": 15.92, "cd_bias_px": -0.012, "lwr_biased_px": 4.91})
    table = candidate_table(entry(candidates=(raw, bm3d)).event)
    assert all(f">{label}<" in table for label in ("CD, px", "CD bias, px", "LWR, biased"))
    assert all(f">{value}<" in table for value in ("15.93", "15.92", "5.490", "4.910"))
    assert "CD bias" not in candidate_table(entry().event)
