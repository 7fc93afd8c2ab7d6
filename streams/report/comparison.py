"""One self-contained HTML page about two versions of a selection, with pictures of both."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from schemas.events import ImageEvent
from schemas.frame import Frame
from schemas.scores import RAW
from streams.comparison import NOTHING, Comparison, Difference
from streams.report import meanings, quantities
from streams.report.markup import Html, element, joined
from streams.report.page import closing, opening
from streams.report.viewer import viewer
from streams.whole_file import write_whole

PICTURED_IMAGES = 40
LISTED_IMAGES = 2000
"""Lines of the table; the JSON has them all."""

Frames = Callable[[ImageEvent, str], Frame]
"""Gives the frame of a candidate of an event, by its name."""


@dataclass(frozen=True)
class Pair:
    """Both events of an image that is shown with pictures."""

    old: ImageEvent
    new: ImageEvent


def write_comparison(
    path: Path, comparison: Comparison, pairs: Iterable[Pair], frames: Frames | None, *, title: str
) -> None:
    """Write the page, whole or not at all. ``pairs`` are read one at a time; without ``frames`` none is shown."""
    cards = [_card(pair, frames, index) for index, pair in enumerate(pairs, start=1)] if frames else []
    page = joined(
        opening(title),
        element("header", element("h1", title), class_="masthead"),
        _totals(comparison),
        _moves(comparison),
        _scores(comparison),
        _differences(comparison.differences),
        element("h2", f"Pictures of {len(cards)} images: another choice, the largest change first") if cards else "",
        *cards,
        closing({}),
    )
    write_whole(path, page.encode(errors="backslashreplace"))


def _totals(comparison: Comparison) -> Html:
    risk = comparison.risk_summary()
    tiles = (
        ("Images in both", str(comparison.images)),
        ("Another choice", str(len(comparison.changed))),
        ("Only before", str(comparison.only_old)),
        ("Only after", str(comparison.only_new)),
        ("Median change of error", f"{quantities.decibels(risk.get('median'))} dB"),
        ("Worst", f"{quantities.decibels(risk.get('worst'))} dB"),
    )
    items = (element("div", element("dt", name), element("dd", value)) for name, value in tiles)
    note = element("p", "Change of the estimated squared error of the choice; below zero is better.", class_="quiet")
    return element("section", element("dl", *items, class_="tiles"), note, aria_label="Totals")


def _moves(comparison: Comparison) -> Html:
    rows = (
        (element("th", old, scope="row"), element("td", new), element("td", str(count), class_="number"))
        for (old, new), count in comparison.moves.most_common()
    )
    return _table("Choices", ("Before", "After", "Images"), rows)


def _scores(comparison: Comparison) -> Html:
    rows = []
    for name, *values in comparison.score_table():
        cells = (element("td", text, class_="number") for text in quantities.aligned(values))
        rows.append((element("th", meanings.label(name), scope="row"), *cells))
    return _table("Scores of the choice, medians", ("Score", "Before", "After", "Difference"), rows) if rows else Html()


def _differences(found: list[Difference]) -> Html:
    rows = (
        (
            element("th", pair.source_name, scope="row"),
            element("td", pair.old.chosen),
            element("td", pair.new.chosen, class_="chosen" if pair.changed else None),
            element("td", quantities.decibels(pair.risk_db), class_="number"),
            element("td", "; ".join(sorted({*pair.new.flags} - {*pair.old.flags})), class_="flag-text"),
        )
        for pair in found[:LISTED_IMAGES]
    )
    title = f"Images that differ ({len(found)})"
    return _table(title, ("Image", "Before", "After", "Error, dB", "New flags"), rows) if found else Html()


def _table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Html:
    head = element("thead", element("tr", *(element("th", name, scope="col") for name in columns)))
    body = element("tbody", *(element("tr", *cells) for cells in rows))
    region = element(
        "div", element("table", head, body), class_="scroll tall", role="region", aria_label=title, tabindex=0
    )
    return element("section", element("h2", title), region)


def _card(pair: Pair, frames: Frames, index: int) -> Html:
    """Return the pictures of an image: raw against the choice before and the choice after, one over the other."""
    old, new = f"before: {_chosen(pair.old)}", f"after: {_chosen(pair.new)}"
    pictures = {RAW: frames(pair.new, RAW)}
    for label, event in ((old, pair.old), (new, pair.new)):
        pictures[label] = frames(event, _chosen(event) if _chosen(event) != NOTHING else RAW)
    name = pair.new.acquisition.source_name
    return element(
        "article",
        element("header", element("h3", element("span", str(index), class_="place"), name)),
        element(
            "div",
            viewer(pictures, chosen=new, pixel_size_nm=pair.new.image.pixel_size_nm),
            element("div", _reason("Before", pair.old), _reason("After", pair.new), class_="verdict"),
            class_="halves",
        ),
    )


def _chosen(event: ImageEvent) -> str:
    return event.selection.chosen if event.selection else NOTHING


def _reason(title: str, event: ImageEvent) -> Html:
    selection = event.selection
    if selection is None:
        return element("p", f"{title}: nothing was selected.")
    flags = element("ul", *(element("li", flag) for flag in selection.flags), class_="flags") if selection.flags else ""
    choice = element("p", f"{title}: ", element("strong", selection.chosen), class_="choice")
    return joined(choice, element("p", selection.reason, class_="reason"), flags)
