"""Two frames of one field, published once: as the embedded mode makes them."""

from dataclasses import replace
from pathlib import Path

from schemas.events import ImageEvent
from streams.agent.once import PublishSummary, publish_once
from tests.agents import OPTIONS, Site, tiff
from tests.events import NOON
from tests.pairs import SUFFIX, Embedded, fill, pair, shown, told

PAIRED = replace(OPTIONS, second_suffix=SUFFIX)


def publish(site: Site, *paths: Path) -> PublishSummary:
    return publish_once(paths or [site.folder], PAIRED, site.world())


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


def test_a_second_is_published_once_the_first_that_was_broken_is_removed(site: Site) -> None:
    first = site.put("a.tif", tiff(1)[:-10])
    site.put("a_f2.tif", tiff(2))
    assert publish(site).failed == 1
    first.unlink()
    assert publish(site).published == 1
    assert told(site) == [pair("a_f2.tif", 2, None)]
