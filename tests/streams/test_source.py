import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from streams.errors import InvalidImage, UsageError
from streams.formats.sidecar import MAX_BYTES
from streams.source import Skipped, SourceFile, folder_files


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def found(folder: Path, leave_out: Path | None = None) -> Mapping[str, SourceFile | Skipped]:
    return {file.name: file for file in folder_files(folder, leave_out=leave_out)}


def test_files_come_in_the_order_of_their_names_with_their_bytes(tmp_path: Path) -> None:
    put(tmp_path, "b.tif", "a.tif", "lot/c.tif")
    files = [file for file in folder_files(tmp_path) if isinstance(file, SourceFile)]
    assert [(file.name, file.read(-1), file.read(2)) for file in files] == [
        ("a.tif", b"a.tif", b"a."),
        ("b.tif", b"b.tif", b"b."),
        ("lot/c.tif", b"lot/c.tif", b"lo"),
    ]


def test_a_file_knows_its_sidecars_and_not_the_whole_folder(tmp_path: Path) -> None:
    put(tmp_path, "A.tif", "a.txt", "a.tif.xml", "b.tif")
    siblings = {name: set(file.siblings) for name, file in found(tmp_path).items() if isinstance(file, SourceFile)}
    assert siblings["a.txt"] == {"A.tif", "a.txt"}
    assert siblings["a.tif.xml"] == {"A.tif", "a.tif.xml"}
    assert siblings["b.tif"] == {"b.tif"}


def test_a_file_reads_the_sidecars_beside_it_and_nothing_that_a_link_leads_to(tmp_path: Path) -> None:
    put(tmp_path / "in", "a.tif", "A.TXT", "a.hdr", "a.tif.xml", "b.txt")
    put(tmp_path / "elsewhere", "secret.txt")
    (tmp_path / "in" / "b.tif").write_bytes(b"")
    (tmp_path / "in" / "c.tif").write_bytes(b"")
    (tmp_path / "in" / "c.txt").symlink_to(tmp_path / "elsewhere" / "secret.txt")
    told = {name: list(f.sidecars()) for name, f in found(tmp_path / "in").items() if isinstance(f, SourceFile)}
    assert told["a.tif"] == [b"A.TXT", b"a.hdr"]
    assert told["b.tif"] == [b"b.txt"]
    assert told["c.tif"] == []


def test_a_sidecar_that_vanishes_is_as_one_that_was_never_there(tmp_path: Path) -> None:
    put(tmp_path, "a.tif", "a.txt")
    file = found(tmp_path)["a.tif"]
    (tmp_path / "a.txt").unlink()
    assert isinstance(file, SourceFile)
    assert list(file.sidecars()) == []


def test_of_a_huge_sidecar_only_the_beginning_is_read(tmp_path: Path) -> None:
    put(tmp_path, "a.tif", "a.txt")
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(10**10)
    image = found(tmp_path)["a.tif"]
    assert isinstance(image, SourceFile)
    assert [len(text) for text in image.sidecars()] == [MAX_BYTES]


def test_links_hidden_files_and_pipes_are_skipped_and_say_so(tmp_path: Path) -> None:
    put(tmp_path / "in", ".hidden.tif", ".hidden/a.tif")
    put(tmp_path / "elsewhere", "a.tif")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "in" / "link.tif").symlink_to(tmp_path / "elsewhere" / "a.tif")
    os.mkfifo(tmp_path / "in" / "pipe.tif")
    skips = {name: file.reason for name, file in found(tmp_path / "in").items() if isinstance(file, Skipped)}
    assert skips == {
        ".hidden.tif": "a hidden file, or a macOS resource fork",
        "link": "a symbolic link",
        "link.tif": "a symbolic link",
        "pipe.tif": "no regular file",
    }
    assert not any(isinstance(file, SourceFile) for file in found(tmp_path / "in").values())


def test_a_folder_that_cannot_be_listed_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.tif", "closed/b.tif", "open/c.tif")
    listed = os.scandir

    def scandir(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    files = found(tmp_path)
    assert set(files) == {"a.tif", "closed", "open/c.tif"}
    closed = files["closed"]
    assert isinstance(closed, SourceFile)
    with pytest.raises(PermissionError):
        closed.read(10)


def test_a_second_frame_comes_with_its_first_and_not_by_itself(tmp_path: Path) -> None:
    put(tmp_path, "a.tif", "a_f2.tif", "b.tif", "c_f2.tif", "d.tif", "d_f2.png", "lot/a.tif", "lot/a_f2.tif")
    files = [file for file in folder_files(tmp_path, second_suffix="_f2") if isinstance(file, SourceFile)]
    seconds = {file.name: file.second and file.second.name for file in files}
    alone = dict.fromkeys(("b.tif", "c_f2.tif", "d.tif", "d_f2.png"))
    assert seconds == {"a.tif": "a_f2.tif", **alone, "lot/a.tif": "lot/a_f2.tif"}
    assert all(file.second is None for file in found(tmp_path).values() if isinstance(file, SourceFile))
    assert len(found(tmp_path)) == 8


def test_a_second_frame_may_be_spelt_with_capitals(tmp_path: Path) -> None:
    put(tmp_path, "a.TIF", "a_F2.tif", "b.tif", "b_F2.tif", "b_f2.tif")
    files = [file for file in folder_files(tmp_path, second_suffix="_f2") if isinstance(file, SourceFile)]
    seconds = {file.name: file.second and file.second.name for file in files}
    assert seconds == {"a.TIF": "a_F2.tif", "b.tif": "b_f2.tif", "b_F2.tif": None}


def test_of_three_frames_in_a_chain_the_first_two_belong_together(tmp_path: Path) -> None:
    put(tmp_path, "a.tif", "a_f2.tif", "a_f2_f2.tif")
    files = [file for file in folder_files(tmp_path, second_suffix="_f2") if isinstance(file, SourceFile)]
    assert {file.name: file.second and file.second.name for file in files} == {"a.tif": "a_f2.tif", "a_f2_f2.tif": None}


def test_results_of_earlier_runs_are_no_images(tmp_path: Path) -> None:
    put(tmp_path, "a.tif", "earlier/images/a.tif", "earlier/.semstream/ledger.sqlite")
    files = found(tmp_path)
    assert {name: type(file) for name, file in files.items()} == {"a.tif": SourceFile, "earlier": Skipped}
    assert files["earlier"] == Skipped("earlier", "written by semstream")


def test_a_folder_within_can_be_left_out(tmp_path: Path) -> None:
    put(tmp_path, "a.tif", "out/images/a.tif")
    assert set(found(tmp_path, leave_out=tmp_path / "out")) == {"a.tif"}


def test_a_name_that_is_not_utf_8_is_told_with_escapes(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.tif")).write_bytes(b"x")
    assert set(found(tmp_path)) == {"\\xff.tif"}


@pytest.mark.parametrize("name", ["absent", "file.tif"])
def test_what_is_no_folder_is_refused_before_anything_is_read(tmp_path: Path, name: str) -> None:
    put(tmp_path, "file.tif")
    with pytest.raises(UsageError, match="is no folder; give the folder that holds the images"):
        folder_files(tmp_path / name)


def test_a_file_that_is_too_large_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    with (tmp_path / "large.tif").open("wb") as file:
        file.write(b"II*\0")
        file.truncate(10**13)
    (large,) = folder_files(tmp_path)
    assert isinstance(large, SourceFile)
    assert large.read(4) == b"II*\0"
    with pytest.raises(InvalidImage, match="more than max_bytes"):
        large.read(-1)
