"""Two frames of one field, watched: whoever comes when, changes, or goes."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from streams.agent.journal import FileState
from streams.agent.scan import Changes
from streams.source import Skipped
from tests.agents import TIMING, Site, Watcher, tiff
from tests.instrument import sha256_of
from tests.pairs import SUFFIX, Embedded, fill, pair, told

WAIT_S = TIMING.second_wait_s


@pytest.fixture
def watcher(site: Site) -> Iterator[Watcher]:
    watcher = Watcher(site, second_suffix=SUFFIX)
    yield watcher
    watcher.close()


def again(watcher: Watcher) -> Watcher:
    """Be as after a restart."""
    watcher.close()
    return Watcher(watcher.site, second_suffix=SUFFIX)


def test_a_watched_folder_is_published_as_the_embedded_mode_takes_it_in(site: Site, watcher: Watcher) -> None:
    fill(site)
    embedded = Embedded(site)
    watcher.run(100)
    ours = sorted((e.acquisition.acquisition_id, e.image.version) for e in site.brokers.events)
    assert ours == sorted((e.acquisition.acquisition_id, e.image.version) for e in embedded.events)
    assert {name: watcher.reason(name) for name in watcher.journal.names(FileState.FAILED)} == embedded.failures


def test_a_pair_counts_when_both_rest(site: Site, watcher: Watcher) -> None:
    data = tiff(2, side=64)
    site.put("a.tif", tiff(1, side=64))
    watcher.run(10)
    path = site.put("a_f2.tif", data[:1000])
    for end in range(1100, len(data), 500):
        path.write_bytes(data[:end])
        watcher.run(1.5)
    assert (site.brokers.names, watcher.states()) == ([], {"a.tif": "seen", "a_f2.tif": "seen"})
    path.write_bytes(data)
    watcher.run(4)
    assert told(site) == [("a.tif", sha256_of(tiff(1, side=64)), sha256_of(data))]
    assert watcher.states() == {"a.tif": "published", "a_f2.tif": "second"}


def test_a_first_whose_second_never_comes_is_published_alone_after_the_wait(site: Site, watcher: Watcher) -> None:
    site.put("a.tif", tiff(1))
    watcher.run(WAIT_S + 1)
    assert site.brokers.names == []
    watcher.run(3)
    watcher = again(watcher)
    watcher.run(100)
    assert told(site) == [pair("a.tif", 1, None)]
    watcher.close()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_second_that_comes_late_makes_a_new_version_that_supersedes(site: Site, *, restarted: bool) -> None:
    watcher = Watcher(site, second_suffix=SUFFIX)
    site.put("a.tif", tiff(1))
    watcher.run(WAIT_S + 10)
    watcher = again(watcher) if restarted else watcher
    site.put("a_f2.tif", tiff(2))
    watcher.run(10)
    assert told(site) == [pair("a.tif", 1, None), pair("a.tif", 1, 2)]
    alone, both = (event.acquisition for event in site.brokers.events)
    assert both.supersedes == alone.acquisition_id
    watcher = again(watcher)
    watcher.run(100)
    assert len(site.brokers.messages) == 2
    assert watcher.states() == {"a.tif": "published", "a_f2.tif": "second"}
    watcher.close()


def test_a_second_that_changes_makes_a_new_version_that_supersedes(site: Site, watcher: Watcher) -> None:
    site.put("a.tif", tiff(1))
    for seed in (2, 3, 4):
        site.put("a_f2.tif", tiff(seed))
        watcher.run(10)
    assert told(site) == [pair("a.tif", 1, seed) for seed in (2, 3, 4)]
    first, second, third = (event.acquisition for event in site.brokers.events)
    assert (second.supersedes, third.supersedes) == (first.acquisition_id, second.acquisition_id)


def test_a_first_that_comes_after_its_second_is_published_with_it(site: Site, watcher: Watcher) -> None:
    site.put("a_f2.tif", tiff(2))
    watcher.run(10)
    site.put("a.tif", tiff(1))
    watcher.run(100)
    assert told(site) == [pair("a.tif", 1, 2)]


def test_a_second_whose_first_never_comes_is_an_image_and_said_to_be(site: Site, watcher: Watcher) -> None:
    site.put("a_f2.tif", tiff(2))
    site.put("b.tif", tiff(3))
    with capture_logs() as logs:
        watcher.run(WAIT_S + 10)
    assert sorted(told(site)) == [pair("a_f2.tif", 2, None), pair("b.tif", 3, None)]
    assert [log["name"] for log in logs if log["event"] == "second_without_first"] == ["a_f2.tif"]
    site.put("a.tif", tiff(1))
    watcher.run(10)
    assert told(site)[2:] == [pair("a.tif", 1, 2)]
    assert site.brokers.events[2].acquisition.supersedes is None
    watcher.run(100)
    assert len(site.brokers.messages) == 3


def test_a_first_that_is_written_anew_waits_for_its_new_second(site: Site, watcher: Watcher) -> None:
    site.put("a.tif", tiff(1))
    site.put("a_f2.tif", tiff(2))
    watcher.run(10)
    site.put("a.tif", tiff(3))
    watcher.run(WAIT_S - 5)
    site.put("a_f2.tif", tiff(4))
    watcher.run(100)
    assert told(site) == [pair("a.tif", 1, 2), pair("a.tif", 3, 4)]
    site.put("a.tif", tiff(5))
    watcher.run(100)
    assert told(site)[2:] == [pair("a.tif", 5, 4)], "by their names they belong together, as in the embedded mode"


def test_a_second_that_does_not_fit_fails_its_image_until_it_does(site: Site, watcher: Watcher) -> None:
    site.put("a.tif", tiff(1))
    site.put("a_f2.tif", tiff(2, side=8))
    with capture_logs() as logs:
        watcher.run(100)
        watcher = again(watcher)
        watcher.run(100)
    (failed,) = (log for log in logs if log["event"] == "file_failed")
    assert failed["reason"].startswith("its second frame a_f2.tif has pages of 8 x 8 px")
    assert watcher.states() == {"a.tif": "failed", "a_f2.tif": "second"}
    site.put("a_f2.tif", tiff(2))
    watcher.run(10)
    assert told(site) == [pair("a.tif", 1, 2)]
    watcher.close()


def test_a_second_that_was_not_written_to_its_end_is_waited_for(site: Site, watcher: Watcher) -> None:
    data = tiff(2, side=64)
    site.put("a.tif", tiff(1, side=64))
    path = site.put("a_f2.tif", data[:2000] + bytes(len(data) - 2000))
    watcher.run(10)
    assert site.brokers.names == []
    path.write_bytes(data)
    watcher.run(5)
    assert told(site) == [("a.tif", sha256_of(tiff(1, side=64)), sha256_of(data))]


def test_a_second_that_vanishes_before_it_was_uploaded_is_told_and_the_first_goes_alone(
    site: Site, watcher: Watcher
) -> None:
    site.put("a.tif", tiff(1))
    path = site.put("a_f2.tif", tiff(2))
    watcher.run(1)
    path.unlink()
    watcher.run(100)
    assert told(site) == [pair("a.tif", 1, None)]
    assert watcher.states() == {"a.tif": "published", "a_f2.tif": "gone"}


def test_a_second_that_vanished_while_nobody_watched_is_told_too(site: Site, watcher: Watcher) -> None:
    site.put("a.tif", tiff(1))
    path = site.put("a_f2.tif", tiff(2))
    watcher.run(1)
    path.unlink()
    watcher = again(watcher)
    watcher.run(100)
    assert watcher.states() == {"a.tif": "published", "a_f2.tif": "gone"}
    watcher.close()


def test_a_second_that_an_earlier_life_saw_and_that_waits_with_its_first_is_not_missed(
    site: Site, watcher: Watcher
) -> None:
    site.put("a.tif", tiff(1))
    site.put("a_f2.tif", tiff(2)[:-10])
    watcher.run(1)
    watcher = again(watcher)
    look, looks = watcher.watch._scan.look, iter([True, True, False])

    def partly_closed() -> Changes:
        changes = look()
        if next(looks, False):
            changes.closed.append(Skipped("lot", "cannot be listed"))
        return changes

    watcher.watch._scan.look = partly_closed  # type: ignore[method-assign]
    with capture_logs() as logs:
        watcher.run(100)
    assert [log["name"] for log in logs if log["event"] == "file_failed"] == ["a.tif"]
    watcher.close()


def test_a_second_that_a_share_hides_for_a_moment_is_no_loss(site: Site, watcher: Watcher) -> None:
    site.put("a.tif", tiff(1))
    path = site.put("a_f2.tif", tiff(2))
    watcher.run(1)
    away = path.rename(site.root / "away")
    watcher.run(5)
    away.rename(path)
    watcher.run(100)
    assert told(site) == [pair("a.tif", 1, 2)]
    assert watcher.states() == {"a.tif": "published", "a_f2.tif": "second"}


def test_a_first_that_vanishes_leaves_its_second_as_an_image_and_is_told(site: Site, watcher: Watcher) -> None:
    path = site.put("a.tif", tiff(1))
    site.put("a_f2.tif", tiff(2))
    watcher.run(1)
    path.unlink()
    watcher.run(100)
    assert told(site) == [pair("a_f2.tif", 2, None)]
    assert watcher.states() == {"a.tif": "gone", "a_f2.tif": "published"}


def test_pairs_that_were_published_may_go_one_after_the_other(site: Site, watcher: Watcher) -> None:
    first, second = site.put("a.tif", tiff(1)), site.put("a_f2.tif", tiff(2))
    watcher.run(10)
    first.unlink()
    watcher.run(100)
    watcher = again(watcher)
    watcher.run(100)
    second.unlink()
    watcher.run(100)
    assert told(site) == [pair("a.tif", 1, 2)]
    assert watcher.states() == {"a.tif": "published", "a_f2.tif": "second"}
    watcher.close()


def test_a_first_that_went_before_its_late_second_could_be_read_is_not_missed(site: Site, watcher: Watcher) -> None:
    path = site.put("a.tif", tiff(1))
    watcher.run(WAIT_S + 10)
    site.put("a_f2.tif", tiff(2))
    watcher.run(1)
    path.unlink()
    watcher.run(100)
    assert told(site) == [pair("a.tif", 1, None), pair("a_f2.tif", 2, None)]
    assert watcher.states() == {"a.tif": "published", "a_f2.tif": "published"}


def test_a_journal_of_files_alone_goes_on_with_pairs(site: Site) -> None:
    site.put("a.tif", tiff(1))
    site.put("a_f2.tif", tiff(2))
    alone = Watcher(site)
    alone.run(10)
    alone.close()
    watcher = Watcher(site, second_suffix=SUFFIX)
    watcher.run(100)
    assert told(site) == [pair("a.tif", 1, None), pair("a_f2.tif", 2, None), pair("a.tif", 1, 2)]
    assert watcher.states() == {"a.tif": "published", "a_f2.tif": "second"}
    watcher.close()
    alone = Watcher(site)
    alone.run(100)
    assert (len(site.brokers.messages), alone.states()) == (3, {"a.tif": "published", "a_f2.tif": "published"})
    alone.close()
