"""The embedded mode when names, disks and stages are not as they should be: one image fails, or the run says why."""

from pathlib import Path

import pytest

from tests.folders import Run, events_of, write_images


def test_names_of_any_length_and_in_any_letters_have_a_result_and_a_certificate(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 5)
    names = ["x" * 251 + ".tif", "x" * 250 + "y.tif", "한" * 83 + ".tif", "a[b]\\[.tif", "line\nfeed." + "s" * 200]
    for number, name in enumerate(names):
        (tmp_path / "in" / f"{number:04d}.tif").rename(tmp_path / "in" / name)
    summary = run(tmp_path / "in")
    assert (summary.selected, summary.failed) == (5, 0)
    assert len(list((tmp_path / "out" / "images").glob("*.json"))) == 5
    assert len(list((tmp_path / "out" / "images").iterdir())) == 10


def test_a_file_with_the_name_of_another_ones_folder_fails_alone(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 1)
    write_images(tmp_path / "in" / "a.tif", 1, first=1)
    (tmp_path / "in" / "0000.tif").rename(tmp_path / "in" / "a")
    summary = run(tmp_path / "in")
    assert (summary.selected, summary.failed) == (1, 1)
    assert "rename the file" in summary.failures[0].reason


def test_which_of_two_like_named_results_keeps_the_name_is_the_same_in_every_run(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 8)
    for number in range(8):
        cases = "".join(c.upper() if number >> bit & 1 else c for bit, c in enumerate("abc"))
        (tmp_path / "in" / f"{number:04d}.tif").rename(tmp_path / "in" / f"{cases}.tif")
    run(tmp_path / "in")
    run(tmp_path / "in", out="again")
    first, again = ({path.name for path in (tmp_path / out / "images").iterdir()} for out in ("out", "again"))
    assert first == again
    assert len({name.lower() for name in first}) == 16
    assert "ABC.tif" in first


def test_an_object_that_changed_on_disk_costs_its_image_one_run_and_is_made_again_in_the_next(
    run: Run, tmp_path: Path
) -> None:
    write_images(tmp_path / "in", 3)
    run(tmp_path / "in")
    chosen = events_of(tmp_path / "out")[0].candidate("quarter").object
    assert chosen is not None
    path = tmp_path / "out" / ".semstream" / "objects" / chosen.key
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
    summary = run(tmp_path / "in")
    assert (summary.selected, summary.failed) == (2, 1)
    assert "sha256" in summary.failures[0].reason
    healed = run(tmp_path / "in")
    assert (healed.selected, healed.computed) == (3, 1)


def test_a_stage_whose_events_cannot_be_read_ends_the_run_instead_of_waiting_for_them(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 1)
    with pytest.raises(RuntimeError, match=r"stage pick cannot read an event of the stage before it: .*candidates"):
        run(tmp_path / "in", pipeline='path = ["tests.toys:Garbling", "tests.toys:Pick"]\n')
