import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schemas.image import ObjectRef
from streams.agent.watching import Timing, watch_folder
from streams.errors import TransientError, UsageError
from tests.agents import OPTIONS, Site, Watcher, meter_of, tiff


@pytest.fixture
def watcher(site: Site) -> Iterator[Watcher]:
    watcher = Watcher(site)
    yield watcher
    watcher.close()


def again(watcher: Watcher) -> Watcher:
    """Be as after a restart."""
    watcher.close()
    return Watcher(watcher.site)


def test_a_file_counts_when_it_has_rested(site: Site, watcher: Watcher) -> None:
    site.put("a.tif", tiff(1))
    watcher.run(1.9)
    assert site.brokers.names == []
    assert watcher.states() == {"a.tif": "seen"}
    watcher.run(1)
    assert site.brokers.names == ["a.tif"]
    assert watcher.states() == {"a.tif": "published"}


def test_a_file_that_grows_is_waited_for_however_long(site: Site, watcher: Watcher) -> None:
    data = tiff(1, side=64)
    path = site.put("a.tif", data[:1000])
    for end in range(1100, len(data), 100):
        path.write_bytes(data[:end])
        watcher.run(1.5)
    assert (site.brokers.names, watcher.states()) == ([], {"a.tif": "seen"})
    path.write_bytes(data)
    watcher.run(3)
    assert site.brokers.names == ["a.tif"]


def test_space_that_is_reserved_and_written_later_is_waited_for(site: Site, watcher: Watcher) -> None:
    data = tiff(1, side=64)
    path = site.put("a.tif", data[:2000] + bytes(len(data) - 2000))
    watcher.run(10)
    assert site.brokers.names == []
    path.write_bytes(data)
    watcher.run(5)
    assert site.brokers.names == ["a.tif"]


def test_space_that_is_written_without_a_new_modification_time_is_read_again(site: Site, watcher: Watcher) -> None:
    data = tiff(1, side=64)
    path = site.put("a.tif", bytes(len(data)))
    watcher.run(5)
    stat = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    watcher.run(10)
    assert site.brokers.names == ["a.tif"]


def test_a_file_that_never_becomes_whole_is_told_once_kept_and_tried_when_it_changes(
    site: Site, watcher: Watcher
) -> None:
    path = site.put("a.tif", tiff(1)[:-10])
    with capture_logs() as logs:
        watcher.run(29)
        assert [log["event"] for log in logs] == []
        watcher.run(100)
        watcher = again(watcher)
        watcher.run(100)
    (told,) = (log for log in logs if log["event"] == "file_failed")
    assert (told["name"], told["state"]) == ("a.tif", "failed")
    assert "truncated" in told["reason"]
    assert watcher.states() == {"a.tif": "failed"}
    assert watcher.reason("a.tif") == told["reason"]
    path.write_bytes(tiff(1))
    watcher.run(10)
    assert watcher.states() == {"a.tif": "published"}
    watcher.close()


def test_a_file_that_is_locked_is_tried_again(site: Site, watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def locked(path: Path, flags: int, **more: int) -> int:
        if Path(path).name == "a.tif":
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, **more)

    site.put("a.tif", tiff(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", locked)
        watcher.run(10)
        assert watcher.states() == {"a.tif": "seen"}
    watcher.run(20)
    assert watcher.states() == {"a.tif": "published"}


def test_a_temporary_name_is_nobody_s_image_and_leaves_no_trace(site: Site, watcher: Watcher) -> None:
    path = site.put("a.tif.part", tiff(1))
    watcher.run(5)
    assert watcher.states() == {"a.tif.part": "skipped"}
    path.rename(site.folder / "a.tif")
    watcher.run(5)
    assert watcher.states() == {"a.tif": "published"}


def test_a_file_that_is_renamed_while_it_is_written_is_published_under_its_last_name(
    site: Site, watcher: Watcher
) -> None:
    path = site.put("a.tif", tiff(1)[:300])
    watcher.run(1)
    path = path.rename(site.folder / "b.tif")
    watcher.run(1)
    path.write_bytes(tiff(1))
    with capture_logs() as logs:
        watcher.run(100)
    assert [log for log in logs if log["event"] == "file_failed"] == []
    assert watcher.states() == {"b.tif": "published"}


def test_a_file_that_vanishes_before_it_was_uploaded_is_told_and_kept(site: Site, watcher: Watcher) -> None:
    path = site.put("a.tif", tiff(1))
    watcher.run(1)
    path.unlink()
    with capture_logs() as logs:
        watcher.run(100)
    assert [(log["name"], log["state"]) for log in logs if log["event"] == "file_failed"] == [("a.tif", "gone")]
    assert watcher.states() == {"a.tif": "gone"}


def test_a_file_that_vanishes_while_nobody_watches_is_told_too(site: Site, watcher: Watcher) -> None:
    path = site.put("a.tif", tiff(1))
    watcher.run(1)
    path.unlink()
    watcher = again(watcher)
    watcher.run(100)
    assert watcher.states() == {"a.tif": "gone"}
    watcher.close()


def test_a_file_that_a_share_hides_for_a_moment_is_no_loss(site: Site, watcher: Watcher) -> None:
    path = site.put("a.tif", tiff(1))
    watcher.run(1)
    away = path.rename(site.root / "away")
    watcher.run(5)
    away.rename(path)
    watcher.run(5)
    assert watcher.states() == {"a.tif": "published"}


def test_what_was_published_may_go(site: Site, watcher: Watcher) -> None:
    path = site.put("a.tif", tiff(1))
    watcher.run(5)
    path.unlink()
    watcher.run(100)
    assert watcher.states() == {"a.tif": "published"}


def test_new_content_at_a_path_is_a_new_image_that_supersedes_the_old(site: Site, watcher: Watcher) -> None:
    for seed in (1, 2, 3):
        site.put("a.tif", tiff(seed))
        watcher.run(5)
    first, second, third = (event.acquisition for event in site.brokers.events)
    assert (second.supersedes, third.supersedes) == (first.acquisition_id, second.acquisition_id)


def test_after_a_restart_nothing_is_published_twice_and_new_files_are(site: Site, watcher: Watcher) -> None:
    site.put("a.tif", tiff(1))
    site.put("notes.txt", b"Hello")
    watcher.run(5)
    watcher = again(watcher)
    site.put("b.tif", tiff(2))
    watcher.run(5)
    assert site.brokers.names == ["a.tif", "b.tif"]
    watcher.close()


def test_a_store_that_is_away_is_waited_for_and_says_so_now_and_then(
    site: Site, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [TransientError("the store does not answer")] * 100
    put = site.store.put

    def away(data: bytes, *, folder: str, suffix: str, media_type: str) -> ObjectRef:
        if left:
            raise left.pop()
        return put(data, folder=folder, suffix=suffix, media_type=media_type)

    monkeypatch.setattr(site.store, "put", away)
    site.put("a.tif", tiff(1))
    start = site.clock()
    with capture_logs() as logs:
        watcher.run(5)
    lasted = site.clock() - start
    told = [log for log in logs if log["event"] == "agent_waits"]
    assert told[0]["reason"] == "the store does not answer"
    assert 2 <= len(told) <= 1 + lasted / 30
    assert logs[-1]["event"] == "agent_goes_on"
    assert site.brokers.names == ["a.tif"]


def test_a_folder_that_is_away_is_waited_for_and_says_so_now_and_then(site: Site, watcher: Watcher) -> None:
    watcher.run(1)
    away = site.folder.rename(site.root / "away")
    with capture_logs() as logs:
        watcher.run(65)
    assert len(logs) == 3
    assert str(site.folder) in logs[0]["reason"]
    away.rename(site.folder)
    site.put("a.tif", tiff(1))
    watcher.run(5)
    assert site.brokers.names == ["a.tif"]


def test_many_files_are_looked_at_for_a_tenth_of_the_time(site: Site, watcher: Watcher) -> None:
    look = watcher.watch._scan.look
    looks: list[float] = []

    def slow() -> object:
        looks.append(site.clock())
        site.clock.sleep(3)
        return look()

    watcher.watch._scan.look = slow  # type: ignore[method-assign, assignment]
    watcher.run(100)
    assert len(looks) == 4


def test_a_folder_that_is_none_is_wrong_usage(site: Site) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        watch_folder(site.folder / "absent", OPTIONS, site.world(), Timing(), meter_of(site.clock))


def test_whoever_is_stopped_while_he_waits_ends_in_good_order_and_the_next_goes_on(site: Site) -> None:
    site.put("a.tif", tiff(1))
    site.brokers.failures = [TransientError("no broker")] * 1000
    sleep = site.clock.sleep

    def tired(seconds: float) -> None:
        sleep(seconds)
        if site.clock() > 1100:
            site.stop.set()

    site.clock.sleep = tired  # type: ignore[method-assign]
    watch_folder(site.folder, OPTIONS, site.world(), Timing(), meter_of(site.clock))
    site.brokers.failures = []
    site.stop.clear()
    watcher = Watcher(site)
    assert site.brokers.names == ["a.tif"]
    watcher.close()
