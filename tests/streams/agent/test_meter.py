"""What an agent tells of itself while it watches a folder."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client import generate_latest

from streams.errors import TransientError
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import AGENT_FAILED_FILES, AGENT_IMAGES
from tests.agents import OPTIONS, Site, Watcher, tiff


@pytest.fixture
def watcher(site: Site) -> Iterator[Watcher]:
    watcher = Watcher(site)
    yield watcher
    watcher.close()


def gauge(telemetry: Telemetry, name: str) -> float:
    (line,) = [line for line in generate_latest(telemetry.registry).decode().splitlines() if line.startswith(name)]
    assert f'instrument="{OPTIONS.provenance.instrument_id}"' in line
    return float(line.split()[-1])


def test_an_idle_agent_is_told_apart_from_one_that_is_not_there(watcher: Watcher) -> None:
    assert gauge(watcher.telemetry, "semstream_agent_images_total") == 0
    assert gauge(watcher.telemetry, "semstream_agent_failed_files_total") == 0
    assert gauge(watcher.telemetry, "semstream_agent_services_answer") == 1
    assert watcher.meter.why_not_ready() is None


def test_images_published_and_files_that_wait_are_told(site: Site, watcher: Watcher) -> None:
    site.put("a.tif", tiff(1, pages=2))
    watcher.run(1)
    assert gauge(watcher.telemetry, "semstream_agent_waiting_files") == 1
    watcher.run(3)
    assert gauge(watcher.telemetry, "semstream_agent_waiting_files") == 0
    assert watcher.telemetry.total(AGENT_IMAGES) == 2
    (event, _) = site.brokers.events
    at = gauge(watcher.telemetry, "semstream_agent_last_image_timestamp_seconds")
    assert at == event.acquisition.published_at.timestamp()


def test_a_file_that_fails_is_counted_once(site: Site, watcher: Watcher) -> None:
    site.put("torn.tif", tiff(1)[:-20])
    watcher.run(100)
    assert watcher.states() == {"torn.tif": "failed"}
    assert watcher.telemetry.total(AGENT_FAILED_FILES) == 1


def test_files_are_counted_before_a_service_that_is_away_is_waited_for(site: Site, watcher: Watcher) -> None:
    assert gauge(watcher.telemetry, "semstream_agent_waiting_files") == 0
    for number in range(5):
        site.put(f"{number}.tif", tiff(number))
    seen: list[float] = []

    def down(_: object) -> None:
        seen.append(gauge(watcher.telemetry, "semstream_agent_waiting_files"))
        if len(seen) < 4:
            raise TransientError("no answer")

    site.confirm = down
    site.brokers.publish = down  # type: ignore[assignment, method-assign]
    watcher.run(60)
    assert seen[:4] == [5, 5, 5, 5]


def test_an_image_of_another_feed_in_the_journal_is_counted_for_its_instrument(site: Site, watcher: Watcher) -> None:
    site.put("a.tif", tiff(1))
    watcher.run(4)
    (pending,) = watcher.heard
    elsewhere = pending.event.but(image=pending.event.image.but(instrument_id="sem-9"))
    watcher.meter.published(replace(pending, event=elsewhere))
    assert watcher.telemetry.total(AGENT_IMAGES, instrument="sem-9") == 1
    assert watcher.telemetry.total(AGENT_IMAGES, instrument=OPTIONS.provenance.instrument_id) == 1


def test_a_service_that_does_not_answer_is_told_until_it_does(site: Site, watcher: Watcher) -> None:
    seen: list[tuple[float, str | None]] = []

    class Failing(list[Exception]):
        """Looks at the meter at every failure, as somebody does who scrapes it meanwhile."""

        def pop(self, index: int = -1, /) -> Exception:  # type: ignore[override]
            seen.append((gauge(watcher.telemetry, "semstream_agent_services_answer"), watcher.meter.why_not_ready()))
            return super().pop(index)

    site.brokers.failures = Failing([TransientError("no\nanswer")] * 4)
    site.put("a.tif", tiff(1))
    watcher.run(60)
    assert [answers for answers, _ in seen] == [1, 0, 0, 0]
    assert seen[0][1] is None
    assert seen[-1][1] is not None
    assert seen[-1][1].startswith("has waited for ")
    assert seen[-1][1].endswith(" s: no answer")
    assert site.brokers.names == ["a.tif"]
    assert gauge(watcher.telemetry, "semstream_agent_services_answer") == 1
    assert watcher.meter.why_not_ready() is None
