"""The top of the page: totals, what failed, and a line for every image."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from schemas.scores import RAW
from stages.selector.claims import Lead
from streams.report import quantities
from streams.report.card import anchor
from streams.report.entry import ReportEntry, Setback, Summary
from streams.report.markup import Html, element, joined


@dataclass
class Tally:
    """What is counted while the images pass."""

    images: int = 0
    flagged: int = 0
    computed: int = 0
    cached: int = 0
    chosen: Counter[str] = field(default_factory=Counter)
    scores: set[str] = field(default_factory=set)
    gains: list[Lead] = field(default_factory=list)

    def add(self, entry: ReportEntry) -> None:
        """Count one image."""
        event = entry.event
        chosen = quantities.chosen_of(event)
        gain = quantities.gain_of(event, chosen) if chosen else None
        self.images += 1
        self.flagged += bool(entry.flags)
        self.cached += sum(c.cache_hit for c in event.restored)
        self.computed += len(event.restored)
        self.chosen[chosen.name if chosen else "none"] += 1
        self.scores.update(name for c in event.candidates for name in c.scores)
        self.gains += [] if gain is None else [gain]

    @property
    def median_gain(self) -> Lead | None:
        """The median, a bound where a gain that lies no higher is one: it may be more, and the median with it."""
        if not self.gains:
            return None
        middle = median(gain.db for gain in self.gains)
        return Lead(middle, bound=">" if any(gain.bound and gain.db <= middle for gain in self.gains) else "")


def totals(tally: Tally, summary: Summary) -> Html:
    """Return the numbers of the run and the share of each method."""
    images = tally.images + len(summary.failures)
    kept = tally.chosen[RAW]
    rate = images / summary.seconds if summary.seconds > 0 else None
    tiles = (
        _tile("Images", f"{images}"),
        _tile("Selected", f"{tally.images}", note=f"{kept} kept raw" if kept else ""),
        _tile("Failed", f"{len(summary.failures)}", mood="bad" if summary.failures else None),
        _tile("Skipped", f"{len(summary.skips)}"),
        _tile("Flagged", f"{tally.flagged}", mood="warn" if tally.flagged else None),
        _tile("Median gain", _in_db(tally.median_gain)),
        _tile("From cache", f"{tally.cached} of {tally.computed}", note="candidates"),
        _tile("Time", quantities.seconds(summary.seconds), note=f"{quantities.number(rate)} images/s"),
    )
    return element(
        "section", element("dl", *tiles, class_="tiles"), _shares(tally), aria_label="Totals", class_="totals"
    )


def failed(rows: Sequence[Setback]) -> Html:
    """Return the images without a result and their reasons; nothing where there are none."""
    if not rows:
        return Html()
    return element("section", element("h2", f"Failed ({len(rows)})", class_="bad"), _setbacks(rows, label="Failed"))


def skipped(rows: Sequence[Setback]) -> Html:
    """Return the files that are no images, folded away: there may be more of them than images."""
    if not rows:
        return Html()
    summary = element("summary", f"Skipped ({len(rows)}): no images")
    return element("details", summary, _setbacks(rows, label="Skipped"), class_="skips")


def _setbacks(rows: Sequence[Setback], *, label: str) -> Html:
    head = element("tr", element("th", "File", scope="col"), element("th", "Reason", scope="col"))
    lines = (element("tr", element("th", r.path, scope="row"), element("td", r.reason)) for r in rows)
    table = element("table", element("thead", head), element("tbody", *lines), class_="setbacks")
    return element("div", table, class_="scroll tall", role="region", aria_label=label, tabindex=0)


COLUMNS: Mapping[str, str | None] = {
    "#": "number",
    "Image": None,
    "Instrument": None,
    "Chosen": None,
    "Est. error, % FS": "number",
    "Gain, dB": "number",
    "Margin, dB": "number",
    "Flags": None,
    "Pictures": None,
}
"""Headings of the table of all images, and the class of each column."""


def index_head() -> Html:
    """Return the heading of the table of all images."""
    headings = (element("th", name, scope="col", class_=kind) for name, kind in COLUMNS.items())
    return element("thead", element("tr", *headings))


def index_cells(entry: ReportEntry, *, index: int, link: str | None) -> Html:
    """Return the cells of one image's line, all but the one that leads to its pictures; there is no newline in them."""
    event = entry.event
    chosen = quantities.chosen_of(event)
    error = quantities.error_of(event, chosen) if chosen else None
    gain = quantities.gain_of(event, chosen) if chosen else None
    margin = quantities.margin_of(event)
    instrument = event.image.instrument_id
    return joined(
        element("td", str(index), class_="number quiet"),
        element("th", element("a", entry.source_path, href=link, title="Result file"), scope="row"),
        _labelled("Instrument", quantities.DASH if instrument == "unknown" else instrument),
        _labelled("Chosen", chosen.name if chosen else quantities.DASH),
        _sortable("Est. error, % FS", quantities.shown(error), error.stated if error else None),
        _sortable("Gain, dB", quantities.shown(gain), gain.db if gain else None),
        _sortable("Margin, dB", quantities.shown(margin), margin.db if margin else None),
        element("td", "; ".join(entry.flags), class_="flag-text"),
    )


def index_row(cells: Html, *, index: int, pictured: bool) -> Html:
    """Return the line of one image, with a link to its card where there is one."""
    view = element("a", "view", href=f"#{anchor(index)}", aria_label=f"Pictures of image {index}")
    return element("tr", cells, element("td", view if pictured else quantities.DASH))


def _tile(label: str, value: str, *, note: str = "", mood: str | None = None) -> Html:
    return element("div", element("dt", label), element("dd", value, element("small", note)), class_=mood)


def _in_db(gain: Lead | None) -> str:
    return quantities.DASH if gain is None else f"{gain} dB"


def _shares(tally: Tally) -> Html:
    rows = (
        element(
            "tr",
            element("th", name, scope="row"),
            element("td", element("span", class_="bar", style=f"--share:{n / tally.images:.3f}"), class_="bar-cell"),
            element("td", f"{n}", class_="number"),
            element("td", f"{100 * n / tally.images:.0f} %", class_="number quiet"),
        )
        for name, n in tally.chosen.most_common()
    )
    table = element("table", element("caption", "Chosen"), element("tbody", *rows))
    return element("div", table, class_="shares")


def _labelled(column: str, shown: str) -> Html:
    """Return a cell that knows its heading: a narrow screen shows lines as blocks, and headings in them."""
    return element("td", shown, data_label=column, class_="absent" if shown == quantities.DASH else None)


def _sortable(column: str, shown: str, value: float | None) -> Html:
    key = "" if value is None else f"{value:.6g}"
    return element("td", shown, class_="number", data_sort=key, data_label=column)
