"""Pairs that failed, of which one file goes; and a first that is written while it is read."""

import pytest

from streams.agent.uploading import Restless
from tests.agents import TIMING, Site, Watcher, tiff
from tests.pairs import SUFFIX, pair, told

WAIT_S = TIMING.second_wait_s


def watching(site: Site) -> Watcher:
    return Watcher(site, second_suffix=SUFFIX)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_first_is_published_once_the_second_that_did_not_fit_is_removed(site: Site, *, restarted: bool) -> None:
    watcher = watching(site)
    site.put("a.tif", tiff(1))
    path = site.put("a_f2.tif", tiff(2, side=8))
    watcher.run(100)
    if restarted:
        watcher.close()
        watcher = watching(site)
    path.unlink()
    watcher.run(WAIT_S + 10)
    assert (told(site), watcher.states()["a.tif"]) == ([pair("a.tif", 1, None)], "published")
    watcher.close()


def test_a_second_is_published_once_the_first_that_was_broken_is_removed(site: Site) -> None:
    watcher = watching(site)
    path = site.put("a.tif", tiff(1)[:-10])
    site.put("a_f2.tif", tiff(2))
    watcher.run(100)
    path.unlink()
    watcher.run(WAIT_S + 10)
    assert told(site) == [pair("a_f2.tif", 2, None)]
    watcher.close()


def test_a_first_that_was_published_alone_is_so_still_when_a_misfit_came_and_went(site: Site) -> None:
    watcher = watching(site)
    site.put("a.tif", tiff(1))
    watcher.run(WAIT_S + 10)
    path = site.put("a_f2.tif", tiff(2, side=8))
    watcher.run(100)
    path.unlink()
    watcher.run(WAIT_S + 10)
    assert (told(site), watcher.states()["a.tif"]) == ([pair("a.tif", 1, None)], "published")
    watcher.close()


def test_a_first_that_fails_by_itself_afterwards_has_failed(site: Site) -> None:
    watcher = watching(site)
    site.put("a.tif", tiff(1)[:-10])
    path = site.put("a_f2.tif", tiff(2))
    watcher.run(100)
    path.unlink()
    watcher.run(WAIT_S + 100)
    assert watcher.states() == {"a.tif": "failed"}
    watcher.close()


def test_a_first_that_is_written_while_it_is_read_waits_for_its_new_second(site: Site) -> None:
    watcher = watching(site)
    site.put("a.tif", tiff(1))
    site.put("a_f2.tif", tiff(2))
    watcher.run(10)
    (known,) = watcher.watch._pairs.gone(["a_f2_f2.tif"])
    watcher.watch._answer(Restless(known, known.stamp))
    assert watcher.watch._settling.next_due() > site.clock() + WAIT_S
    watcher.close()
