"""Pairs of frames in an agent's world, and what the embedded mode makes of the same folder."""

from collections.abc import Mapping

from schemas.events import ImageEvent
from streams.feed import Feed, Window
from streams.intake import Provenance
from streams.source import folder_files
from tests.agents import TOPIC, Describer, Site, tiff
from tests.instrument import sha256_of

SUFFIX = "_f2"


def shown(event: ImageEvent) -> tuple[str, str, str | None]:
    """Return name, content and the second frame's content."""
    second = event.image.second
    return event.acquisition.source_name, event.image.object.sha256, second.sha256 if second else None


def told(site: Site) -> list[tuple[str, str, str | None]]:
    return [shown(event) for event in site.brokers.events]


def pair(name: str, first: int, second: int | None, *, pages: int = 1) -> tuple[str, str, str | None]:
    other = None if second is None else sha256_of(tiff(second, pages=pages))
    return name, sha256_of(tiff(first, pages=pages)), other


class Embedded:
    """What the embedded mode makes of a folder."""

    def __init__(self, site: Site) -> None:
        self.events: list[ImageEvent] = []
        self.failures: dict[str, str] = {}
        window = Window(max_images=1000, max_bytes=1 << 30)
        feed = Feed(site.store, Describer(), self, window, TOPIC, Provenance("/test", "sim-1"), site.clock.now)
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
