"""Why a candidate was selected, and what another rule would select: from the ledger of a run."""

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import tifffile

from streams.cli import outcome_of
from streams.commands.ledger import ledger_meant
from streams.errors import UsageError
from tests.stages.scan import scanned, scene

PIPELINE = """
path = ["stages.filter:Filter", "stages.metrics:Metrics", "stages.selector:Selector"]
[filter.candidates.mean]
method = "stages.filter.mean:Mean"
[filter.candidates.gaussian]
method = "stages.filter.gaussian:Gaussian"
strength = 0.5
"""
Call = Callable[..., tuple[int, str, str]]
OUT = ("--out", "out", "--pipeline", "pipeline.toml")


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command beside ``out/``, where two images have been selected; return exit code, message and output."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("pipeline.toml").write_text(PIPELINE)
    for number, kind in enumerate(("particles", "lines")):
        frame = scanned(scene(kind, height=96, width=96), electrons=40, seed=number)
        tifffile.imwrite(f"in/{kind}.tif", np.rint(frame * 255).astype(np.uint8))
    assert outcome_of(("run", "in", *OUT)) == (0, "")
    capsys.readouterr()

    def call(*arguments: str) -> tuple[int, str, str]:
        code, message = outcome_of(arguments)
        assert "\n" not in message.strip()
        return code, message, capsys.readouterr().out

    return call


def test_an_image_is_explained_by_every_candidate_beside_the_chosen_one(call: Call) -> None:
    code, _, told = call("explain", "in/particles.tif", *OUT)
    assert code == 0
    assert "selected mean: mean has the lowest estimated error" in told
    for word in ("gaussian", "raw", "standard errors"):
        assert word in told
    (figures,) = json.loads(call("explain", "particles.tif", "--json", *OUT)[2])
    assert figures["selection"]["chosen"] == "mean"
    (first,) = (candidate for candidate in figures["candidates"] if candidate["name"] == "mean")
    others = [candidate for candidate in figures["candidates"] if candidate is not first]
    assert first["more_than_chosen"] == 0
    assert all(other["more_than_chosen"] > 0 for other in others)
    assert {other["name"] for other in others} == {"gaussian", "raw"}


@pytest.mark.parametrize("image", ["particles.tif", "lines.tif"])
def test_show_explain_the_reason_and_the_report_give_one_error_of_a_candidate(call: Call, image: str) -> None:
    story, told = call("show", image, "--out", "out")[2], call("explain", image, *OUT)[2]
    report = unescape(Path("out/report.html").read_text(encoding="utf-8"))
    errors = dict(re.findall(r"filter +(\w+) +error (.+?) % of full scale rms", story))
    assert errors.keys() == {"raw", "mean", "gaussian"}
    for name, error in errors.items():
        assert re.fullmatch(r"< [\d.]+|[\d.]+ ± [\d.]+", error)
        assert re.search(rf"{name} .*{re.escape(error)} ", told), name
        assert f">{error}<" in report, name
    assert f"({errors['mean'].replace('<', 'below')} % of full scale rms)" in told


def test_of_a_frame_without_a_noise_law_no_error_is_claimed(call: Call) -> None:
    frame = scanned(scene("particles", height=96, width=96), electrons=40, seed=7)
    tifffile.imwrite("in/resampled.tif", np.rint(np.kron(frame, np.ones((2, 2))) * 255).astype(np.uint8))
    assert call("run", "in", *OUT)[0] == 0
    told = call("explain", "resampled.tif", *OUT)[2]
    assert "selected raw" in told
    assert "noise" in told
    assert "error, %" not in told
    assert json.loads(call("explain", "resampled.tif", "--json", *OUT)[2])[0]["candidates"] == []


def test_another_rule_shows_which_images_would_change_and_changes_nothing(call: Call) -> None:
    Path("patient.toml").write_text("[selector]\nstandard_errors = 1000\ntolerance_db = 30\n")
    ledger = Path("out/.semstream/ledger.sqlite").read_bytes()
    found = json.loads(call("select", "--rule", "patient.toml", "--json", *OUT)[2])
    assert (found["images"], found["unknown"], len(found["changed"])) == (2, 0, 2)
    for change in found["changed"]:
        assert (change["before"]["chosen"], change["after"]["chosen"]) == ("mean", "raw")
        assert change["gain_db"] < -3
    assert Path("out/.semstream/ledger.sqlite").read_bytes() == ledger
    assert "2 change" in call("select", "--rule", "patient.toml", *OUT)[2]


def test_the_rule_of_the_pipeline_itself_changes_nothing(call: Call) -> None:
    Path("same.toml").write_text(PIPELINE + "[selector]\n")
    assert "2 images decided anew from their scores: 0 change" in call("select", "--rule", "same.toml", *OUT)[2]


def test_images_of_an_instrument_with_methods_of_its_own_are_found_by_what_they_were_made_with(call: Call) -> None:
    Path("own.toml").write_text(PIPELINE + "[filter.instruments.sem-1.gaussian]\nstrength = 0.9\n")
    Path("same.toml").write_text("[selector]\n")
    mine = ("--out", "mine", "--pipeline", "own.toml")
    assert call("run", "in", "--instrument", "sem-1", *mine)[0] == 0
    assert call("explain", "particles.tif", *mine)[0] == 0
    assert "2 images decided anew from their scores: 0 change" in call("select", "--rule", "same.toml", *mine)[2]


def test_a_query_says_which_images_are_meant(call: Call) -> None:
    Path("rule.toml").write_text("[selector]\n")
    query = "select image_id from settlement where source_name = 'lines.tif';"
    found = json.loads(call("select", "--rule", "rule.toml", "--from", query, "--json", *OUT)[2])
    assert found["images"] == 1


@pytest.mark.parametrize(
    ("rule", "arguments", "said"),
    [
        ("[selector]\nfairness = 2\n", (), "rule.toml: [selector]: Selector has no option 'fairness'"),
        ("[selektor]\n", (), "rule.toml: needs a table [selector]"),
        ("selector", (), "rule.toml is no valid TOML"),
        ("[selector]\n", ("--from", "select 1"), "cannot answer this query: no such column: meant.image_id"),
        ("[selector]\n", ("--from", "select image_id from outcome where 1=2"), "no selected image that is meant"),
        ("[selector]\n", ("--pipeline", "other.toml"), "name the one that made them by --pipeline"),
    ],
)
def test_wrong_usage_is_one_line(call: Call, rule: str, arguments: tuple[str, ...], said: str) -> None:
    Path("rule.toml").write_text(rule)
    Path("other.toml").write_text(PIPELINE.replace("0.5", "0.6"))
    code, message, _ = call("select", "--rule", "rule.toml", *OUT, *arguments)
    assert (code, said in message) == (2, True), message


def test_an_image_of_another_pipeline_and_an_unknown_one_are_told(call: Call) -> None:
    Path("other.toml").write_text(PIPELINE.replace("0.5", "0.6"))
    _, message, _ = call("explain", "lines.tif", "--out", "out", "--pipeline", "other.toml")
    assert "no outcome of stage 'filter'" in message
    assert "knows no image 'nothing.tif'" in call("explain", "nothing.tif", *OUT)[1]


def test_the_pipeline_that_selected_last_is_found_in_the_output_folder(call: Call) -> None:
    named = call("explain", "lines.tif", *OUT)
    Path("pipeline.toml").unlink()
    assert call("explain", "lines.tif", "--out", "out") == named
    Path("other.toml").write_text(PIPELINE.replace("0.5", "2.5"))
    assert outcome_of(("run", "in", "--out", "out", "--pipeline", "other.toml")) == (0, "")
    call("explain", "lines.tif", "--out", "out")
    assert call("explain", "lines.tif", "--out", "out") == call(
        "explain", "lines.tif", "--out", "out", "--pipeline", "other.toml"
    )


@pytest.mark.usefixtures("call")
@pytest.mark.parametrize(
    "query",
    ["insert into seed default values returning consumer_group as image_id", "select image_id) ; drop table seed; --"],
)
def test_a_query_can_change_nothing(query: str) -> None:
    with ledger_meant(Path("out"), None) as found:
        with pytest.raises(UsageError, match="cannot answer this query"):
            found.questions.images(query)
        assert len(found.questions.images()) == 2


def test_candidates_that_swap_their_names_are_selected_anew(call: Call) -> None:
    chosen = json.loads(call("explain", "particles.tif", "--json", *OUT)[2])[0]["selection"]
    swapped = PIPELINE.replace("candidates.mean", "candidates.x").replace("candidates.gaussian", "candidates.mean")
    Path("swapped.toml").write_text(swapped.replace("candidates.x", "candidates.gaussian"))
    code, message, _ = call("run", "in", "--out", "out", "--pipeline", "swapped.toml")
    assert (code, message) == (0, "")
    again = json.loads(call("explain", "particles.tif", "--json", "--out", "out", "--pipeline", "swapped.toml")[2])
    selection = again[0]["selection"]
    assert (chosen["chosen"], selection["chosen"]) == ("mean", "gaussian")
    assert selection["chosen_hash"] == chosen["chosen_hash"]


def test_a_query_may_hold_percent_signs_and_end_in_a_comment(call: Call) -> None:
    Path("rule.toml").write_text("[selector]\n")
    query = "select image_id from settlement where source_name like '%lines%' -- the latest"
    assert json.loads(call("select", "--rule", "rule.toml", "--from", query, "--json", *OUT)[2])["images"] == 1


def test_a_rule_is_tried_on_an_output_folder_without_naming_its_pipeline(call: Call) -> None:
    Path("rule.toml").write_text("[selector]\nevidence_z = 50.0\n")
    code, message, said = call("select", "--rule", "rule.toml", "--out", "out")
    assert (code, message) == (0, "")
    assert "2 images decided anew" in said


def test_images_that_came_with_their_truth_are_explained_and_decided_anew(call: Call) -> None:
    assert call("demo", "--images", "2", "--out", "demo", "--pipeline", "pipeline.toml")[0] == 0
    name = json.loads(Path("demo/events.jsonl").read_bytes().splitlines()[0])["acquisition"]["source_name"]
    with Path("demo/events.jsonl").open("ab") as events:
        events.write(b'{"image": {"refer')  # as a run leaves it that is killed while it writes
    code, said, told = call("explain", name, "--out", "demo")
    assert (code, said) == (0, "")
    assert "has the lowest estimated error" in told
    Path("rule.toml").write_text("[selector]\nevidence_z = 9\n")
    assert "2 images decided anew" in call("select", "--rule", "rule.toml", "--out", "demo")[2]


def test_without_a_folder_the_services_are_asked_where_their_settings_are_and_it_says_so(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("status")[0] == 0
    Path(".stack").mkdir()
    Path(".stack/settings.toml").write_text(
        '[postgres]\nurl = "postgresql://nobody@127.0.0.1:1/none"\n[kafka]\nbootstrap_servers = "127.0.0.1:1"\n'
    )
    code, said = outcome_of(("status",))
    assert code != 0
    assert "asked: the services (.stack/settings.toml); for the run in out/ add --out out" in capsys.readouterr().err
    assert "out/" not in said
    assert outcome_of(("status", "--out", "out")) == (0, "")


def test_where_nothing_failed_the_list_of_jobs_says_so_and_of_which_ledger(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome_of(("jobs", "--since", "1h", "--out", "out")) == (0, "")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("none failed since ")
    assert "says the ledger out/.semstream/ledger.sqlite; messages that are no image's: dlq list" in shown.err
