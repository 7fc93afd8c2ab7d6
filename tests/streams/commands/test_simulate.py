"""`semstream simulate`."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from stages.noise import measure
from stages.prior import NoPrior, Origin, build
from stages.second_frame import SecondFrame, second_frame_of
from streams.commands.simulate import simulate
from streams.errors import UsageError


def test_the_folder_of_noisy_images_holds_nothing_but_images(tmp_path: Path) -> None:
    simulate(tmp_path / "feed", images=7, seed=7, size=32)
    names = sorted(path.name for path in (tmp_path / "feed").iterdir())
    assert names == sorted(
        f"{kind}_{number:04d}.tif"
        for number, kind in enumerate(["lines", "holes", "grains", "spheres", "texture", "manhattan", "lines"], start=1)
    )
    image = tifffile.imread(tmp_path / "feed" / "lines_0001.tif")
    assert image.shape == (32, 32)
    assert image.dtype == np.uint8


def test_the_truth_has_the_same_names_in_a_folder_of_its_own(tmp_path: Path) -> None:
    simulate(tmp_path, kind="holes", images=2, seed=1, size=48, clean=True)
    for name in ("holes_0001.tif", "holes_0002.tif"):
        noisy, clean = tifffile.imread(tmp_path / name), tifffile.imread(tmp_path / "clean" / name)
        assert np.abs(np.diff(noisy.astype(int))).mean() > 3 * np.abs(np.diff(clean.astype(int))).mean()


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        simulate(tmp_path / folder, kind="grains", images=1, seed=4, size=32)
    one, two = (next((tmp_path / folder).iterdir()).read_bytes() for folder in ("one", "two"))
    assert one == two


def test_second_frames_show_the_same_fields_and_leave_the_first_as_they_are(tmp_path: Path) -> None:
    simulate(tmp_path / "one", kind="grains", images=2, seed=4, size=128)
    simulate(tmp_path / "two", kind="grains", images=2, seed=4, size=128, second_suffix="_f2")
    for name in ("grains_0001", "grains_0002"):
        assert (tmp_path / "one" / f"{name}.tif").read_bytes() == (tmp_path / "two" / f"{name}.tif").read_bytes()
        files = (tmp_path / "two" / f"{name}{suffix}.tif" for suffix in ("", "_f2"))
        first, second = (np.asarray(tifffile.imread(file) / 255, np.float32) for file in files)
        assert isinstance(second_frame_of(first, second, measure(first)), SecondFrame)
    with pytest.raises(UsageError, match="is no part of a file's name"):
        simulate(tmp_path / "three", second_suffix="a/b")


def test_images_of_one_setting_have_one_law_of_noise_of_which_a_prior_can_be_built(tmp_path: Path) -> None:
    simulate(tmp_path / "feed", images=6, seed=3, size=192, one_setting=True)
    frames = [np.asarray(tifffile.imread(file) / 255, np.float32) for file in sorted((tmp_path / "feed").iterdir())]
    assert build(frames, Origin("sim")).frames >= 5
    simulate(tmp_path / "others", images=6, seed=3, size=192)
    others = [np.asarray(tifffile.imread(file) / 255, np.float32) for file in sorted((tmp_path / "others").iterdir())]
    with pytest.raises(NoPrior, match="disagree"):
        build(others, Origin("sim"))


def test_an_unknown_kind_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no kind 'cats'; choose one of lines"):
        simulate(tmp_path, kind="cats")


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="is not empty"):
        simulate(tmp_path, images=1, size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write to .*file") as caught:
        simulate(tmp_path / "file" / "feed", images=1, size=32)
    assert "\n" not in str(caught.value)
