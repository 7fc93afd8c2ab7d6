"""What earlier runs left: halves of files are swept, results of theirs are told and kept."""

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from streams.leftovers import PART, stale, sweep
from streams.whole_file import write_whole
from tests.folders import TOYS, Run, write_images

MARK = hashlib.sha256(b"a.tif").hexdigest()[:16]


@pytest.fixture
def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def part(folder: Path, pid: int) -> Path:
    path = folder / f".{MARK}.{pid}.{threading.get_ident()}.part"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    return path


def test_the_name_swept_is_the_name_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def stopped(self: Path, target: Path) -> None:
        seen.append(self.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a.tif", b"half")
    found = PART.fullmatch(seen[0])
    assert found is not None
    assert int(found["pid"]) == os.getpid()
    assert [path.name for path in tmp_path.iterdir()] == seen
    assert sweep(tmp_path, within=()) == 1


def test_halves_of_dead_writers_and_of_predecessors_of_the_same_id_are_removed(tmp_path: Path, dead_pid: int) -> None:
    halves = [
        part(tmp_path / place, pid) for place in ("", "images/lot 1", "state/a/b") for pid in (dead_pid, os.getpid())
    ]
    assert sweep(tmp_path, within=("images", "state", "absent")) == 6
    assert not any(path.exists() for path in halves)


def test_the_half_of_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as writer:
        half = part(tmp_path / "images", writer.pid)
        assert sweep(tmp_path, within=("images",)) == 0
        assert half.read_bytes() == b"half"
        writer.communicate(b"\n")
    assert sweep(tmp_path, within=("images",)) == 1


@pytest.mark.parametrize(
    "name",
    [".notes.part", "a.tif.part", f"{MARK}.1.2.part", f".{MARK}.0.2.part", f".{MARK}.x.2.part", ".part", f".{MARK}"],
)
def test_nothing_else_is_touched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"mine")
    assert sweep(tmp_path, within=()) == 0
    assert (tmp_path / name).read_bytes() == b"mine"


def test_a_link_with_such_a_name_costs_the_link_and_not_what_it_leads_to(tmp_path: Path, dead_pid: int) -> None:
    (tmp_path / "mine.tif").write_bytes(b"mine")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / f".{MARK}.{dead_pid}.1.part").symlink_to(tmp_path / "mine.tif")
    assert sweep(tmp_path, within=("images",)) == 1
    assert (tmp_path / "mine.tif").read_bytes() == b"mine"


def test_results_of_others_are_named_once_and_what_lies_beside_them_goes_with_them(tmp_path: Path) -> None:
    beside = ("a.tif.json", "a.tif.evidence.png", "lot/b.tif.json", "lot/b.tif.evidence.png", "d.tif.json")
    for name in ("a.tif", "lot/b.tif", "c.tif", *beside, ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert stale(tmp_path, {tmp_path / "a.tif"}) == ["c.tif", "d.tif.json", "lot/b.tif"]
    assert stale(tmp_path / "absent", ()) == []


def test_a_run_tells_what_it_found_of_earlier_ones_and_removes_nothing_but_halves(
    run: Run, tmp_path: Path, dead_pid: int
) -> None:
    write_images(tmp_path / "in", 3)
    assert run(tmp_path / "in").stale == 0
    images, objects = (tmp_path / "out" / place for place in ("images", ".semstream/objects/raw"))
    halves = [part(images, dead_pid), part(objects, dead_pid)]
    (tmp_path / "in" / "0001.tif").unlink()
    summary = run(tmp_path / "in")
    assert (summary.selected, summary.stale, summary.stale_files) == (2, 1, ("0001.tif",))
    assert (images / "0001.tif").is_file()
    assert (images / "0001.tif.json").is_file()
    assert not any(half.exists() for half in halves)
    assert "1, not on this page" in (tmp_path / "out" / "report.html").read_text()


def test_the_result_of_an_image_that_fails_this_time_is_one_of_an_earlier_run(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 2)
    run(tmp_path / "in", pipeline=TOYS)
    (tmp_path / "in" / "0000.tif").write_bytes(b"II*\0 cut short")
    assert run(tmp_path / "in", pipeline=TOYS).stale_files == ("0000.tif",)
