import pytest

from streams.bench.results import Fidelity, FieldResult, Summary, summarise


def result(kind: str, number: int, psnr: dict[str, float], chosen: str, **more: object) -> FieldResult:
    candidates = {name: Fidelity(psnr=value, ssim=value / 100, seconds=0.5) for name, value in psnr.items()}
    risks = {name: 10 ** (-value / 10) for name, value in psnr.items()}
    fields: dict[str, object] = {"flags": (), "risks": risks, **more}
    return FieldResult(kind=kind, number=number, candidates=candidates, chosen=chosen, **fields)  # type: ignore[arg-type]


PERFECT = result("line", 1, {"raw": 20, "nlm": 30, "bm3d": 33}, "bm3d")
MISSED = result("line", 2, {"raw": 22, "nlm": 32, "bm3d": 31}, "bm3d")
WORSE = result("time", 1, {"raw": 35, "nlm": 30}, "nlm", flags=("doubtful",))


def test_means_are_taken_by_kind() -> None:
    line = summarise([PERFECT, MISSED, WORSE]).kinds["line"]
    assert line.noisy.psnr == 21
    assert {name: method.psnr for name, method in line.methods.items()} == {"nlm": 31, "bm3d": 32}
    assert line.selected.psnr == 32
    assert line.oracle.psnr == 32.5
    assert line.chosen == {"bm3d": 2}


def test_regret_is_what_the_oracle_would_have_gained() -> None:
    assert [r.regret for r in (PERFECT, MISSED, WORSE)] == [0, 1, 5]
    assert summarise([PERFECT, MISSED, WORSE]).regret.mean == 2


def test_the_raw_frame_is_one_of_the_oracle_s_candidates() -> None:
    assert WORSE.oracle.psnr == 35
    assert summarise([PERFECT, MISSED, WORSE]).below_raw == 1


def test_flagged_selections_are_counted() -> None:
    assert summarise([PERFECT, WORSE]).flagged == 1


def test_a_method_skipped_on_a_field_is_averaged_over_the_others() -> None:
    summary = summarise([PERFECT, result("line", 3, {"raw": 20, "nlm": 28}, "nlm")])
    assert summary.kinds["line"].methods["bm3d"].psnr == 33
    assert summary.kinds["line"].methods["nlm"].psnr == 29


def test_the_rank_correlation_of_risk_and_error_is_1_where_risk_tells_the_truth() -> None:
    turned = result("line", 4, {"raw": 20, "nlm": 30, "bm3d": 33}, "raw", risks={"raw": 1, "nlm": 2, "bm3d": 3})
    assert summarise([PERFECT]).risk_correlation == pytest.approx(1)
    assert summarise([turned]).risk_correlation == pytest.approx(-1)
    assert summarise([WORSE]).risk_correlation is None, "two candidates have no rank to speak of"


def test_figures_travel_as_nested_objects() -> None:
    summary = summarise([PERFECT, MISSED, WORSE])
    assert b'"methods":{"nlm":{"psnr":31.0,"ssim":0.31,"seconds":0.5}' in summary.to_json()
    assert Summary.from_json(summary.to_json()) == summary


def test_what_other_criteria_would_have_chosen_is_compared_by_its_regret() -> None:
    sharp = result("line", 1, {"raw": 20, "nlm": 30, "bm3d": 33}, "bm3d", favourites={"sharpness": "nlm"})
    summary = summarise([sharp, result("time", 2, {"raw": 22, "nlm": 32}, "nlm", favourites={"sharpness": "nlm"})])
    assert summary.kinds["line"].criteria["sharpness"].mean == 3
    assert summary.criteria["sharpness"].mean == 1.5
    assert summary.kinds["line"].best == {"bm3d": 1}


def test_a_method_by_itself_leaves_the_raw_frame_where_it_was_skipped() -> None:
    summary = summarise([PERFECT, result("line", 3, {"raw": 20, "nlm": 28}, "nlm")])
    assert summary.methods_psnr == {"nlm": 29, "bm3d": 26.5, "raw": 20}
    assert summary.selected_psnr == 30.5
