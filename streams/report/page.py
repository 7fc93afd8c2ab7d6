"""One self-contained HTML page about a run. It asks nothing of a network and needs no server."""

import heapq
import os
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from urllib.parse import quote

from streams.report.card import card
from streams.report.entry import ReportEntry, Summary
from streams.report.explanations import how_to_read
from streams.report.markup import Html, element, joined
from streams.report.overview import Tally, failed, index_cells, index_head, index_row, skipped, totals

PICTURED_IMAGES = 60
"""Images with pictures: a 512 px image takes about 0.6 MB of page."""

SCRIPTS = ("viewer.js", "table.js")
"""The page runs these and no others: its policy names their hashes, so a script in a file's name could not run."""


def write_report(
    path: Path, entries: Iterable[ReportEntry], summary: Summary, *, title: str, pictured: int = PICTURED_IMAGES
) -> None:
    """Write the page, whole or not at all.

    Every image gets a line in a table; at most ``pictured`` get a card with pictures, flagged ones first, then in the
    order given. Entries are read once, and pixels of one image at a time.

    Parameters
    ----------
    path
        The page. Links to results are relative to its folder.
    entries
        The answered images; may be a generator.
    summary
        Read after the last entry.
    title
        Heading of the page.
    pictured
        How many images get a card.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as page:
            _write(page, entries, summary, title=title, gallery=Gallery(pictured), folder=path.parent)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class Gallery:
    """The images that get a card, chosen while all of them pass: flagged ones first, then the earliest."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: list[tuple[bool, int, ReportEntry]] = []

    def offer(self, index: int, entry: ReportEntry) -> None:
        """Keep this entry if it is among the best so far."""
        item = (bool(entry.flags), -index, entry)
        if len(self._kept) < self._size:
            heapq.heappush(self._kept, item)
        elif self._size:
            heapq.heappushpop(self._kept, item)

    def __iter__(self) -> Iterator[tuple[int, ReportEntry]]:
        """Give the kept entries and their indices in the order of the feed."""
        return iter(sorted(((-minus_index, entry) for _, minus_index, entry in self._kept), key=lambda pair: pair[0]))

    def __len__(self) -> int:
        """Count the kept entries."""
        return len(self._kept)


def _write(
    page: IO[str], entries: Iterable[ReportEntry], summary: Summary, *, title: str, gallery: Gallery, folder: Path
) -> None:
    tally = Tally()
    with TemporaryFile("w+", encoding="utf-8") as rows:
        for index, entry in enumerate(entries, start=1):
            tally.add(entry)
            gallery.offer(index, entry)
            rows.write(f"{index_cells(entry, index=index, link=_link(entry, folder))}\n")
        page.write(opening(title))
        page.write(_top(title, tally, summary))
        rows.seek(0)
        _write_index(page, rows, pictured={index for index, _ in gallery})
    page.write(element("h2", _gallery_title(len(gallery), tally.images)))
    for index, entry in gallery:
        page.write(card(entry, index=index, link=_link(entry, folder)))
    page.write(closing(summary.facts))


def _write_index(page: IO[str], rows: IO[str], *, pictured: set[int]) -> None:
    page.write('<section><h2 id="all">All images</h2><div class="scroll tall" role="region" aria-labelledby="all" ')
    page.write(f'tabindex="0"><table class="index">{index_head()}<tbody>')
    for index, cells in enumerate(rows, start=1):
        page.write(index_row(Html(cells.rstrip("\n")), index=index, pictured=index in pictured))
    page.write("</tbody></table></div></section>")


def _top(title: str, tally: Tally, summary: Summary) -> Html:
    when = f"{summary.finished_at:%Y-%m-%d %H:%M %Z}".strip() if summary.finished_at else ""
    return joined(
        element("header", element("h1", title), element("p", when, class_="quiet"), class_="masthead"),
        totals(tally, summary),
        how_to_read(tally.scores),
        failed(summary.failures),
        skipped(summary.skips),
    )


def _gallery_title(shown: int, images: int) -> str:
    if shown == images:
        return "Pictures"
    return f"Pictures of {shown} of {images} images: flagged ones first, then the earliest"


def opening(title: str) -> Html:
    """Return the beginning of a page, up to its first section."""
    allowed = " ".join(f"'sha256-{_hash(_package_text(name))}'" for name in SCRIPTS)
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )
    head = joined(
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        element("style", Html(_package_text("report.css"))),
    )
    return Html(f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body><main>')


def closing(facts: Mapping[str, str]) -> Html:
    """Return the end of a page: facts by name, and the scripts."""
    items = (element("div", element("dt", name), element("dd", value)) for name, value in facts.items())
    scripts = joined(*(element("script", Html(_package_text(name))) for name in SCRIPTS))
    footer = element("footer", element("dl", *items, class_="facts")) if facts else ""
    return Html(f"</main>{footer}{scripts}</body></html>\n")


def _hash(script: str) -> str:
    return b64encode(sha256(script.encode()).digest()).decode()


def _link(entry: ReportEntry, folder: Path) -> str | None:
    if entry.output_path is None:
        return None
    relative = Path(os.path.relpath(entry.output_path, folder)).as_posix()
    return f"./{quote(os.fsencode(relative))}"


def _package_text(name: str) -> str:
    return files("streams.report").joinpath(name).read_text(encoding="utf-8")
