import json
from pathlib import Path

import pytest

from streams.bench.chart import Chart, Lines
from streams.bench.kept import keep
from streams.errors import UsageError


class Measured:
    def figures(self) -> dict[str, object]:
        return {"p50_ms": 3}

    def charts(self) -> list[Chart]:
        return [Lines("", "", "", ["1"], {"x": [1.0]})]


def test_figures_are_kept_with_when_and_where_they_were_measured(tmp_path: Path) -> None:
    keep(tmp_path / "new" / "folder", "users", Measured())
    kept = json.loads((tmp_path / "new" / "folder" / "users.json").read_text())
    assert kept["figures"] == {"p50_ms": 3}
    assert "cores" in kept["machine"]
    assert kept["measured_at"].endswith("+00:00")
    assert (tmp_path / "new" / "folder" / "users.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(UsageError, match="name another folder"):
        keep(tmp_path / "out", "users", Measured())
