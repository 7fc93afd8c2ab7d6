from pathlib import Path

import pytest
import typer

from schemas.image import version_of
from streams.commands.run import run
from streams.errors import UsageError
from tests.folders import TOYS, events_of, write_images


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


@pytest.mark.parametrize("recipe", ["lines", "a recipe of the tool's own", None])
def test_a_recipe_is_part_of_the_images_version(tmp_path: Path, recipe: str | None) -> None:
    write_images(tmp_path / "in", 1)
    (tmp_path / "toys.toml").write_text(TOYS)
    with pytest.raises(typer.Exit):
        run(tmp_path / "in", tmp_path / "out", pipeline=tmp_path / "toys.toml", recipe=recipe)
    (event,) = events_of(tmp_path / "out")
    image = event.image
    assert image.recipe == recipe
    expected = version_of(
        reader=image.reader, valid_roi=image.valid_roi, databar_source=image.databar_source, recipe=recipe
    )
    assert image.version == expected


@pytest.mark.parametrize("suffix", ["", "a/b", "..\\x"])
def test_a_suffix_that_can_be_no_part_of_a_name_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UsageError, match="--second-suffix"):
        run(tmp_path, tmp_path / "out", second_suffix=suffix)
