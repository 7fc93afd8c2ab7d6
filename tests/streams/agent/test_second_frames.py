"""Two frames of one field, from a folder to the topic: as the embedded mode makes them, whoever comes when."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schemas.events import ImageEvent
from streams.agent.journal import FileState
from streams.agent.once import PublishSummary, publish_once
from streams.feed import Feed, Window
from streams.source import folder_files
from tests.agents import OPTIONS, TOPIC, Describer, Site, Watcher, tiff
from tests.events import NOON
from tests.instrument import sha256_of

SUFFIX = "_f2"
PAIRED = replace(OPTIONS, second_suffix=SUFFIX)
WAIT_S = 20
"""What the tests' timing says."""


def publish(site: Site, *paths: Path) -> PublishSummary:
    return publish_once(paths or [site.folder], PAIRED, site.world())


def shown(event: ImageEvent) -> tuple[str, str, str | None]:
    """Return name, content and the second frame's content."""
    second = event.image.second
    return event.acquisition.source_name, event.image.object.sha256, second.sha256 if second else None


def told(site: Site) -> list[tuple[str, str, str | None]]:
    return [shown(event) for event in site.brokers.events]


def pair(name: str, first: int, second: int | None, *, pages: int = 1) -> tuple[str, str, str | None]:
    other = None if second is None else sha256_of(tiff(second, pages=pages))
    return name, sha256_of(tiff(first, pages=pages)), other


@pytest.fixture
def watcher(site: Site) -> Iterator[Watcher]:
    watcher = Watcher(site, second_suffix=SUFFIX)
    yield watcher
    watcher.close()


def again(watcher: Watcher) -> Watcher:
    """Be as after a restart."""
    watcher.close()
    return Watcher(watcher.site, second_suffix=SUFFIX)


class Embedded:
    """What the embedded mode makes of a folder."""

    def __init__(self, site: Site) -> None:
        self.events: list[ImageEvent] = []
        self.failures: dict[str, str] = {}
        window = Window(max_images=1000, max_bytes=1 << 30)
        feed = Feed(site.store, Describer(), self, window, TOPIC, "/test", site.clock.now, instrument_id="sim-1")
        self._window = window
        feed.run(folder_files(site.folder, second_suffix=SUFFIX), self)

    def publish(self, messages: object) -> None:
        pass

    def close(self) -> None:
        pass

    def published(self, event: ImageEvent) -> None:
        self._window.leave(event.acquisition.acquisition_id, 1)
        self.events.append(event)

    def failed(self, name: str, reason: str) -> None:
        self.failures[name] = reason

    def skipped(self, name: str, reason: str) -> None:
        pass


def fill(site: Site) -> None:
    """Write pairs, a file alone, a second frame without a first, and pairs that do not fit."""
    contents: Mapping[str, bytes] = {
        "a.tif": tiff(1, pages=2),
        "a_f2.tif": tiff(2, pages=2),
        "b.tif": tiff(3),
        "c_f2.tif": tiff(4),
        "lot/a.TIF": tiff(5),
        "lot/a_F2.TIF": tiff(6),
        "small.tif": tiff(7),
        "small_f2.tif": tiff(8, side=8),
        "fewer.tif": tiff(9, pages=2),
        "fewer_f2.tif": tiff(10),
        "broken.tif": tiff(11),
        "broken_f2.tif": tiff(12)[:-10],
        "text.tif": tiff(13),
        "text_f2.tif": b"no image",
        "zeros.tif": tiff(14),
        "zeros_f2.tif": bytes(1000),
    }
    for name, data in contents.items():
        site.put(name, data)


def in_order(events: list[ImageEvent]) -> list[ImageEvent]:
    """Return events by name and page, as if all had been published at noon."""
    ordered = sorted(events, key=lambda event: (event.acquisition.source_name, event.image.page))
    return [event.but(acquisition=event.acquisition.but(published_at=NOON)) for event in ordered]


def test_a_folder_is_published_as_the_embedded_mode_takes_it_in(site: Site) -> None:
    fill(site)
    embedded = Embedded(site)
    summary = publish(site)
    ours, theirs = in_order(site.brokers.events), in_order(embedded.events)
    assert ours == theirs
    assert {failure.path: failure.reason for failure in summary.failures} == embedded.failures
    assert set(embedded.failures) == {"small.tif", "fewer.tif", "broken.tif", "text.tif", "zeros.tif"}
    assert all(reason.startswith("its second frame ") for reason in embedded.failures.values())
    assert [shown(event) for event in ours] == [
        *[pair("a.tif", 1, 2, pages=2)] * 2,
        pair("b.tif", 3, None),
        pair("c_f2.tif", 4, None),
        pair("lot/a.TIF", 5, 6),
    ]
    for event in ours:
        if event.image.second:
            site.store.get(event.image.second)


def test_a_watched_folder_is_published_as_the_embedded_mode_takes_it_in(site: Site, watcher: Watcher) -> None:
    fill(site)
    embedded = Embedded(site)
    watcher.run(100)
    ours = sorted((e.acquisition.acquisition_id, e.image.version) for e in site.brokers.events)
    assert ours == sorted((e.acquisition.acquisition_id, e.image.version) for e in embedded.events)
    assert {name: watcher.reason(name) for name in watcher.journal.names(FileState.FAILED)} == embedded.failures


def test_what_was_published_as_a_pair_is_known_until_either_changes(site: Site) -> None:
    site.put("a.tif", tiff(1))
    site.put("a_f2.tif", tiff(2))
    assert (publish(site).published, publish(site).known) == (1, 1)
    (site.folder / "a_f2.tif").touch()
    assert (publish(site).known, len(site.brokers.messages)) == (1, 1)
    site.put("a_f2.tif", tiff(3))
    site.put("a.tif", tiff(1))
    assert publish(site).published == 1
    first, second = site.brokers.events
    assert [shown(first), shown(second)] == [pair("a.tif", 1, 2), pair("a.tif", 1, 3)]
    assert first.image.image_id == second.image.image_id
    assert second.acquisition.supersedes == first.acquisition.acquisition_id


def test_a_second_that_comes_after_the_first_was_published_supersedes_it_page_by_page(site: Site) -> None:
    site.put("a.tif", tiff(1, pages=2))
    publish(site)
    site.put("a_f2.tif", tiff(2, pages=2))
    publish(site)
    alone, pairs = site.brokers.events[:2], site.brokers.events[2:]
    assert [e.acquisition.supersedes for e in pairs] == [e.acquisition.acquisition_id for e in alone]
    assert len(set(site.brokers.ids)) == 4
    assert {e.image.version for e in alone} != {e.image.version for e in pairs}


def test_a_second_that_goes_takes_nothing_back(site: Site) -> None:
    path = site.put("a.tif", tiff(1))
    other = site.put("a_f2.tif", tiff(2))
    publish(site)
    other.unlink()
    path.touch()
    summary = publish(site)
    assert (summary.known, len(site.brokers.messages)) == (1, 1)
    path.unlink()
    site.put("a_f2.tif", tiff(2))
    site.put("a.tif", tiff(1))
    assert (publish(site).known, len(site.brokers.messages)) == (1, 1)


def test_a_first_that_is_named_brings_its_second_and_a_second_that_is_named_alone_is_an_image(site: Site) -> None:
    first, second = site.put("a.tif", tiff(1)), site.put("a_f2.tif", tiff(2))
    site.put("b_f2.tif", tiff(3))
    assert publish(site, first).published == 1
    assert publish(site, second, first).known == 1
    assert told(site) == [pair("a.tif", 1, 2)]
    assert publish(site, site.folder / "b_f2.tif").published == 1


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
