import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli import outcome_of
from streams.commands.bench import MODULES, bench
from streams.errors import UsageError
from tests.streams.bench.conftest import WritePair, pairs, write_pair

__all__ = ["pairs", "write_pair"]

CHEAP = """
path = ["stages.filter:Filter", "stages.metrics:Metrics", "stages.selector:Selector"]
[filter.candidates.gaussian]
method = "stages.filter.gaussian:Gaussian"
"""

BOTH = """
path = ["stages.filter:Filter", "stages.denoise:Denoise", "stages.metrics:Metrics", "stages.selector:Selector"]
[filter.candidates.bm3d]
method = "stages.filter.gaussian:Gaussian"
[denoise.candidates.network]
method = "stages.filter.mean:Mean"
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    path = tmp_path / "cheap.toml"
    path.write_text(CHEAP)
    return path


def test_the_last_line_is_one_json_object_of_figures(pairs: Path, write_pair: WritePair, pipeline: Path) -> None:
    for kind, number in (("line", 1), ("line", 2), ("time", 2)):
        write_pair(kind, number)
    arguments = ["fidelity", "--pairs", str(pairs), "--fields", "2", "--pipeline", str(pipeline), "--json"]
    result = CliRunner().invoke(bench(()), arguments, catch_exceptions=False)
    assert result.exit_code == 0
    figures = json.loads(result.stdout.splitlines()[-1])
    assert figures["fields"] == 2
    assert set(figures["kinds"]) == {"line", "time"}
    line = figures["kinds"]["line"]
    assert (
        line["methods"]["gaussian"]["psnr"]
        == line["selected"]["psnr"]
        == line["oracle"]["psnr"]
        > line["noisy"]["psnr"]
    )
    assert {"ssim", "seconds"} < set(line["methods"]["gaussian"])
    assert figures["regret"] == {"mean": 0.0, "p95": 0.0}


def test_failures_of_networks_are_told_beside_the_figures_and_follow_the_seed(tmp_path: Path) -> None:
    path = tmp_path / "both.toml"
    path.write_text(BOTH)
    found = []
    for seed in ("1", "2"):
        arguments = ["fidelity", "--simulated", "1", "--seed", seed, "--failures", "--pipeline", str(path), "--json"]
        result = CliRunner().invoke(bench(()), arguments, catch_exceptions=False)
        assert "network against bm3d" in result.stdout
        found.append(json.loads(result.stdout.splitlines()[-1])["failures"])
    assert [one["networks"][0]["by"]["specimen"]["lines"]["picks"]["images"] for one in found] == [1, 1]
    assert set(found[0]["pools"]) == {"whole", "without networks", "bm3d alone"}
    assert found[0]["pools"] != found[1]["pools"]


def test_failures_need_networks_and_a_rival(pairs: Path, write_pair: WritePair, pipeline: Path) -> None:
    write_pair("line", 1)
    arguments = ["fidelity", "--pairs", str(pairs), "--failures", "--pipeline", str(pipeline)]
    assert isinstance(CliRunner().invoke(bench(()), arguments).exception, UsageError)


def test_without_json_people_read_a_table_and_the_regret(pairs: Path, write_pair: WritePair, pipeline: Path) -> None:
    write_pair("line", 1)
    arguments = ["fidelity", "--pairs", str(pairs), "--pipeline", str(pipeline)]
    result = CliRunner().invoke(bench(()), arguments, catch_exceptions=False)
    assert "line: 1 fields" in result.stdout
    assert "no selection worse than the raw frame" in " ".join(result.stdout.split())


def test_the_guards_are_measured_on_real_and_simulated_images(
    pairs: Path, write_pair: WritePair, pipeline: Path
) -> None:
    write_pair("line", 1)
    of = [
        "--pairs",
        str(pairs),
        "--images",
        "1",
        "--size",
        "96",
        "--candidates",
        "gaussian",
        "--pipeline",
        str(pipeline),
    ]
    result = CliRunner().invoke(bench(()), ["guards", *of, "--patterns", "0", "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "features of SNR 8 caught" in result.stdout
    evidence = json.loads(result.stdout.splitlines()[-1])["evidence"]
    for kind in ("real", "simulated"):
        assert set(evidence[kind]["caught"]) == {"3", "5", "8"}
        assert evidence[kind]["images"] == 1
        assert 0 <= evidence[kind]["false_alarms"] <= 1


def test_a_picture_of_the_guards_needs_a_real_field(pipeline: Path, tmp_path: Path) -> None:
    arguments = [
        "guards",
        "--picture",
        str(tmp_path / "a.png"),
        "--candidates",
        "gaussian",
        "--pipeline",
        str(pipeline),
    ]
    assert isinstance(CliRunner().invoke(bench(()), arguments).exception, UsageError)


@pytest.mark.parametrize("name", MODULES)
def test_a_benchmark_called_by_its_name_is_the_one_among_all(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome_of(("bench", name, "--help")) == (0, "")
    assert f"bench {name} " in capsys.readouterr().out


def test_a_benchmark_that_does_not_exist_is_one_line() -> None:
    assert outcome_of(("bench", "speed")) == (2, "No such command 'speed'.")
