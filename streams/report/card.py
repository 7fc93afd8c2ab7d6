"""One image with pictures: before and after, what was chosen and why, and every candidate."""

from schemas.events import ImageEvent
from schemas.frame import Frame
from schemas.image import Image
from schemas.scores import RAW, NoiseRecord, Selection
from stages.evidence import EvidenceMap
from streams.evidence_file import evidence_of
from streams.report import quantities
from streams.report.candidates import candidate_table, pictured, score_table
from streams.report.entry import ReportEntry
from streams.report.evidence import Tint, evidence_list
from streams.report.explanations import FACTS
from streams.report.markup import Html, element, joined
from streams.report.viewer import viewer


def card(entry: ReportEntry, *, index: int, link: str | None) -> Html:
    """Return the card of an image; the only place where pixels are fetched, one image at a time."""
    frames = _frames(entry)
    chosen = _chosen(entry.event)
    found = evidence_of(entry.event, frames[RAW], frames[chosen]) if chosen in frames else None
    return element(
        "article",
        _heading(entry, index=index, link=link),
        element("div", _viewer(entry, frames, found), _verdict(entry, found), class_="halves"),
        score_table(entry.event),
        id=anchor(index),
        aria_labelledby=f"{anchor(index)}-name",
    )


def anchor(index: int) -> str:
    """Return the id of an image's card."""
    return f"image-{index}"


def _heading(entry: ReportEntry, *, index: int, link: str | None) -> Html:
    image = entry.event.image
    return element(
        "header",
        element("h3", element("span", str(index), class_="place"), entry.source_path, id=f"{anchor(index)}-name"),
        element("p", " · ".join(_origin(image)), class_="quiet"),
        element("a", "Result file", href=link, class_="file") if link else "",
    )


def _origin(image: Image) -> list[str]:
    known = [image.instrument_id if image.instrument_id != "unknown" else None, image.recipe, image.format]
    size = f"{image.valid_roi.width} × {image.valid_roi.height} px"
    pixel = f"{image.pixel_size_nm:.4g} nm/px" if image.pixel_size_nm else "pixel size unknown"
    return [*(text for text in known if text), size, pixel, f"{image.effective_bits or image.dtype}" + _bits(image)]


def _bits(image: Image) -> str:
    return " bit" if image.effective_bits else ""


def _frames(entry: ReportEntry) -> dict[str, Frame]:
    return {RAW: entry.frames(RAW)} | {c.name: entry.frames(c.name) for c in pictured(entry.event)}


def _viewer(entry: ReportEntry, frames: dict[str, Frame], found: EvidenceMap | None) -> Html:
    chosen = _preselected(entry.event, list(frames))
    tint = None if found is None else Tint(frames[chosen], found)
    image, noise = entry.event.image, entry.event.noise
    return viewer(frames, chosen=chosen, pixel_size_nm=image.pixel_size_nm, tint=tint, noise=noise)


def _preselected(event: ImageEvent, names: list[str]) -> str:
    """Return the chosen candidate's name; where the raw frame itself was kept, the best of the others."""
    restored = [name for name in names if name != RAW]
    return _chosen(event) if _chosen(event) in restored else restored[0] if restored else RAW


def _chosen(event: ImageEvent) -> str:
    return event.selection.chosen if event.selection else RAW


def _verdict(entry: ReportEntry, found: EvidenceMap | None) -> Html:
    event = entry.event
    return element(
        "div",
        _choice(event, event.selection) if event.selection else element("p", "Nothing was selected.", class_="choice"),
        _flags(entry.flags),
        _noise(event.noise, told=event.selection is not None)
        if event.noise
        else element("p", "The noise was not measured.", class_="quiet"),
        evidence_list(found, kept=_chosen(event) == RAW),
        candidate_table(event),
        class_="verdict",
    )


def _choice(event: ImageEvent, selection: Selection) -> Html:
    chosen = quantities.named(event, selection.chosen)
    gain = quantities.gain_of(event, chosen)
    kept = chosen.name == RAW
    return joined(
        element(
            "p",
            element("strong", "Raw frame kept" if kept else chosen.name),
            element("span", f"{gain} dB over raw", class_="gain") if gain and not kept else "",
            class_="choice",
        ),
        element("p", selection.reason, class_="reason"),
        element("p", _margin(event, selection), class_="quiet"),
    )


def _margin(event: ImageEvent, selection: Selection) -> str:
    parts = [f"Rule: {selection.rule}"]
    if selection.runner_up is not None:
        allowed = " (of those not vetoed)" if selection.vetoes else ""
        parts.append(f"runner-up: {selection.runner_up}{allowed}")
    margin, ses = quantities.margin_of(event), quantities.margin_ses(event)
    if margin is not None:
        parts.append(f"margin: {margin} dB")
    if ses is not None:
        parts.append(f"{quantities.number(ses, decimals=1)} standard errors")
    return " · ".join(parts)


def _flags(flags: tuple[str, ...]) -> Html:
    if not flags:
        return Html()
    return element("ul", *(element("li", flag) for flag in flags), class_="flags", aria_label="Flags")


def _electrons(noise: NoiseRecord) -> str:
    count = quantities.electrons(noise)
    return quantities.DASH if count is None else f"{quantities.number(count, decimals=0)} e⁻"


def _noise(noise: NoiseRecord, *, told: bool) -> Html:
    """Return what is known of the noise; ``told`` where the selection says already why its law does not hold."""
    lag1 = noise.row_acf[1] if len(noise.row_acf) > 1 else 0.0
    law = {"Noise σ": f"{100 * noise.sigma:.2f} % FS", "Full scale": _electrons(noise)}
    law |= {"Row corr.": quantities.number(lag1)}
    facts = {name: value if noise.holds else quantities.DASH for name, value in law.items()}
    facts |= {"Saturated": f"{100 * noise.saturated:.3g} %"}
    items = (element("div", element("dt", k), element("dd", v), title=FACTS[k]) for k, v in facts.items())
    doubt = element("ul", element("li", f"Noise model: {noise.why_not or 'does not hold'}"), class_="flags")
    prior = element("p", f"Prior: {noise.prior}.", class_="quiet") if noise.prior else Html()
    return joined(element("dl", *items, class_="facts"), prior, Html() if noise.holds or told else doubt)
