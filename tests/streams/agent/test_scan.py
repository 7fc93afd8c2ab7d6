import os
import shutil
from pathlib import Path

import pytest

from streams.agent import scan
from streams.agent.place import QUIET_S, RELIST_S
from streams.agent.scan import Changes, FolderScan
from tests.agents import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def watch(folder: Path, clock: Clock) -> FolderScan:
    return FolderScan(folder, clock=clock)


def put(folder: Path, *names: str, text: str = "x") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def found(changes: Changes) -> list[str]:
    return [sighting.name for sighting in changes.found]


def rest(watch: FolderScan, clock: Clock) -> None:
    """Look until the folder's last change is long past."""
    for _ in range(3):
        clock.sleep(QUIET_S)
        watch.look()


def test_the_first_look_finds_everything_in_the_order_of_names_and_the_second_nothing(
    folder: Path, watch: FolderScan
) -> None:
    put(folder, "b.tif", "a.tif", "lot/wafer/c.tif", "lot/a.tif")
    assert found(watch.look()) == ["a.tif", "b.tif", "lot/a.tif", "lot/wafer/c.tif"]
    assert watch.look() == Changes()


def test_new_files_and_folders_are_found_at_the_next_look(folder: Path, watch: FolderScan, clock: Clock) -> None:
    put(folder, "a.tif")
    watch.look()
    rest(watch, clock)
    put(folder, "lot/b.tif", "c.tif")
    assert found(watch.look()) == ["c.tif", "lot/b.tif"]


def test_a_file_that_is_rewritten_or_replaced_is_found_again(folder: Path, watch: FolderScan, clock: Clock) -> None:
    put(folder, "a.tif", "b.tif")
    watch.look()
    rest(watch, clock)
    put(folder, "a.tif", text="longer")
    put(folder, "new", text="other")
    (folder / "new").rename(folder / "b.tif")
    assert found(watch.look()) == ["a.tif", "b.tif"]


def test_what_goes_is_told_with_all_that_was_in_it(folder: Path, watch: FolderScan, clock: Clock) -> None:
    put(folder, "a.tif", "lot/wafer/b.tif")
    watch.look()
    rest(watch, clock)
    (folder / "a.tif").unlink()
    shutil.rmtree(folder / "lot")
    assert set(watch.look().gone) == {"a.tif", "lot", "lot/wafer", "lot/wafer/b.tif"}
    put(folder, "lot/wafer/b.tif")
    assert found(watch.look()) == ["lot/wafer/b.tif"]


def test_links_hidden_files_and_pipes_are_left_alone_and_told_once(
    folder: Path, watch: FolderScan, tmp_path: Path
) -> None:
    put(folder, ".hidden.tif", ".snapshot/a.tif")
    put(tmp_path / "elsewhere", "a.tif")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "link.tif").symlink_to(tmp_path / "elsewhere" / "a.tif")
    os.mkfifo(folder / "pipe.tif")
    changes = watch.look()
    assert {skipped.name: skipped.reason for skipped in changes.left_alone} == {
        ".hidden.tif": "a hidden file, or a macOS resource fork",
        "link": "a symbolic link",
        "link.tif": "a symbolic link",
        "pipe.tif": "no regular file",
    }
    assert changes.found == []
    assert watch.look() == Changes()


def test_a_sidecar_knows_its_images(folder: Path, watch: FolderScan) -> None:
    put(folder, "a.tif", "a.TIF", "a.txt", "a.tif.xml", "b.txt")
    beside = {sighting.name: set(sighting.siblings) for sighting in watch.look().found}
    assert beside == {
        "a.tif": set(),
        "a.TIF": set(),
        "a.txt": {"a.tif", "a.TIF"},
        "a.tif.xml": {"a.tif"},
        "b.txt": set(),
    }


class Counted:
    """Counts what the system is asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lists = self.stats = 0
        scandir, lstat = os.scandir, Path.lstat

        def counted_scandir(path: Path) -> object:
            self.lists += 1
            return scandir(path)

        def counted_lstat(path: Path) -> os.stat_result:
            self.stats += 1
            return lstat(path)

        monkeypatch.setattr(os, "scandir", counted_scandir)
        monkeypatch.setattr(Path, "lstat", counted_lstat)

    def since(self) -> tuple[int, int]:
        lists, stats, self.lists, self.stats = self.lists, self.stats, 0, 0
        return lists, stats


def test_a_look_costs_as_much_for_many_files_as_for_few(
    folder: Path, watch: FolderScan, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "FILES_A_LOOK", 20)
    monkeypatch.setattr(scan, "RECENT", 5)
    watch = FolderScan(folder, clock=clock)
    put(folder, *(f"{number}.tif" for number in range(100)))
    counted = Counted(monkeypatch)
    watch.look()
    assert counted.since() == (1, 100)
    rest(watch, clock)
    counted.since()
    watch.look()
    assert counted.since() == (0, 25)
    put(folder, "new.tif")
    watch.look()
    lists, stats = counted.since()
    assert lists == 1
    assert stats <= 26


def test_each_file_has_its_turn(folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "FILES_A_LOOK", 20)
    monkeypatch.setattr(scan, "RECENT", 5)
    watch = FolderScan(folder, clock=clock)
    put(folder, *(f"{number}.tif" for number in range(100)))
    watch.look()
    rest(watch, clock)
    for number in range(100):
        with (folder / f"{number}.tif").open("a") as file:
            file.write("longer")
    seen = {name for _ in range(5) for name in found(watch.look())}
    assert len(seen) == 100


def test_a_folder_is_listed_anew_although_its_time_stood_still(folder: Path, watch: FolderScan, clock: Clock) -> None:
    put(folder, "a.tif")
    watch.look()
    rest(watch, clock)
    stat = folder.stat()
    put(folder, "b.tif")
    os.utime(folder, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert found(watch.look()) == []
    clock.sleep(RELIST_S)
    assert found(watch.look()) == ["b.tif"]


def test_what_changes_within_one_tick_of_the_share_s_clock_is_found(
    folder: Path, watch: FolderScan, clock: Clock
) -> None:
    put(folder, "a.tif")
    watch.look()
    stat = folder.stat()
    put(folder, "b.tif")
    os.utime(folder, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    clock.sleep(2)
    assert found(watch.look()) == ["b.tif"]


def test_a_folder_that_cannot_be_listed_is_told_and_what_is_known_stays(
    folder: Path, watch: FolderScan, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "a.tif", "lot/b.tif")
    watch.look()
    listed = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "lot":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        changes = watch.look()
    assert [(closed.name, closed.reason) for closed in changes.closed] == [
        ("lot", "cannot be listed: Permission denied")
    ]
    assert (changes.found, changes.gone) == ([], [])
    assert watch.look() == Changes()


def test_a_share_that_is_away_is_told_and_comes_back(folder: Path, watch: FolderScan, clock: Clock) -> None:
    put(folder, "a.tif")
    watch.look()
    folder.rename(folder.with_name("away"))
    changes = watch.look()
    assert [closed.name for closed in changes.closed] == [str(folder)]
    assert changes.gone == []
    folder.with_name("away").rename(folder)
    put(folder, "b.tif")
    assert found(watch.look()) == ["b.tif"]


def test_a_name_that_is_not_utf_8_is_told_with_escapes(folder: Path, watch: FolderScan) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.tif")).write_bytes(b"x")
    assert found(watch.look()) == ["\\xff.tif"]


def test_a_file_that_takes_a_folder_s_place_is_found(folder: Path, watch: FolderScan, clock: Clock) -> None:
    put(folder, "lot/a.tif")
    watch.look()
    shutil.rmtree(folder / "lot")
    put(folder, "lot")
    changes = watch.look()
    assert found(changes) == ["lot"]
    assert watch.look().closed == []
