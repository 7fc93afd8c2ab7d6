from pathlib import Path

import pytest

from streams.commands.run import run
from streams.errors import UsageError


def check_refused(folder: Path, out: Path) -> None:
    before = sorted(folder.rglob("*"))
    with pytest.raises(UsageError, match="the input folder, which is never written to"):
        run(folder, out)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("inside", [".", "images", "images/lot", ".semstream", ".semstream/objects"])
def test_results_never_go_where_the_input_is(tmp_path: Path, inside: str) -> None:
    folder = tmp_path / inside
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.tif").write_bytes(b"precious")
    check_refused(folder, tmp_path)


def test_a_link_to_the_input_is_no_way_around(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "images").symlink_to(tmp_path / "in", target_is_directory=True)
    check_refused(tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize("suffix", ["", "a/b", "..\\x"])
def test_a_suffix_that_can_be_no_part_of_a_name_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UsageError, match="--second-suffix"):
        run(tmp_path, tmp_path / "out", second_suffix=suffix)
