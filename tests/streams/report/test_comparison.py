from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.events import ImageEvent
from schemas.frame import Frame
from streams.comparison import compare
from streams.report.comparison import Pair, write_comparison
from tests.streams.report.entries import NoisyFrames
from tests.streams.report.test_page import HOSTILE, Page
from tests.streams.test_comparison import selected


@dataclass
class Pictures:
    """Frames of events, and which were asked for."""

    asked: list[tuple[str, str]]

    def __call__(self, event: ImageEvent, name: str) -> Frame:
        self.asked.append((event.acquisition.source_name, name))
        return NoisyFrames()(name)


def written(folder: Path, pairs: Iterator[tuple[ImageEvent, ImageEvent]], *, pictures: Pictures | None = None) -> Page:
    both = list(pairs)
    found = compare((old for old, _ in both), (new for _, new in both))
    changed = {pair.acquisition_id for pair in found.changed}
    shown = [Pair(old, new) for old, new in both if new.acquisition.acquisition_id in changed]
    write_comparison(folder / "page.html", found, shown, pictures, title="A trial <b>")
    return Page((folder / "page.html").read_text(encoding="utf-8"))


PAIRS = (
    (selected("day1/a.tif", "tv", risk=4e-4, snr=3.0), selected("day1/a.tif", "unet", risk=2e-4, snr=4.0)),
    (selected("day1/b.tif"), selected("day1/b.tif")),
)


def test_a_page_tells_what_changed_and_shows_both_versions(tmp_path: Path) -> None:
    pictures = Pictures([])
    page = written(tmp_path, iter(PAIRS), pictures=pictures)
    for part in ("A trial <b>", "Images that differ (1)", "day1/a.tif", "−3.0", "before: tv", "after: unet"):
        assert part in page.text
    assert page.count("article") == 1
    assert pictures.asked == [("day1/a.tif", "raw"), ("day1/a.tif", "tv"), ("day1/a.tif", "unet")]
    assert page.count("img") == 3


def test_a_page_asks_nothing_of_a_network_whatever_a_file_is_called(tmp_path: Path) -> None:
    old, new = (event.but(acquisition=event.acquisition.but(source_name=HOSTILE)) for event in PAIRS[0])
    page = written(tmp_path, iter([(old, new)]), pictures=Pictures([]))
    assert all(address.startswith("data:") for address in page.addresses)
    assert page.count("script") == 2


def test_nothing_to_show_is_a_page_too(tmp_path: Path) -> None:
    page = written(tmp_path, iter(()), pictures=Pictures([]))
    assert page.count("article") == 0
    assert "Images in both" in page.text
    without = written(tmp_path, iter([(selected("a"), selected("a", "unet"))]))
    assert without.count("article") == 0


def test_an_image_without_a_selection_shows_its_raw_frame(tmp_path: Path) -> None:
    pictures = Pictures([])
    page = written(tmp_path, iter([(selected("a", None), selected("a", "unet"))]), pictures=pictures)
    assert [name for _, name in pictures.asked] == ["raw", "raw", "unet"]
    assert "Before: nothing was selected." in page.text
