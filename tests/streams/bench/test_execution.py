import json
from pathlib import Path

from typer.testing import CliRunner

from streams.commands.bench import bench

ONE_FILTER = """
path = ["stages.filter:Filter"]
[filter.candidates.gaussian]
method = "stages.filter.gaussian:Gaussian"
"""


def test_the_last_line_is_one_json_object_of_figures(tmp_path: Path) -> None:
    file = tmp_path / "filter.toml"
    file.write_text(ONE_FILTER)
    arguments = ["execution", "--images", "2", "--slots", "1", "--pipeline", str(file), "--json"]
    result = CliRunner().invoke(bench(()), arguments, catch_exceptions=False)
    assert result.exit_code == 0
    figures = json.loads(result.stdout.splitlines()[-1])
    assert (figures["stage"], figures["images"], figures["slots"], figures["repetitions"]) == ("filter", 2, 1, 3)
    for way in ("threads", "processes"):
        assert figures[f"{way}_images_per_s"] > 0
        assert figures[f"{way}_core_ms_per_image"] > 0
