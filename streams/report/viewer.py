"""Before and after, one over the other: static pictures side by side until the page's script takes over."""

from collections.abc import Iterator, Mapping

import numpy as np

from schemas.frame import Frame, Pixels
from schemas.scores import RAW, NoiseRecord
from stages.noise import Noise
from streams.report.evidence import Tint, tinted
from streams.report.markup import Html, element, joined
from streams.report.pictures import MAX_SIDE_PX, GreyWindow, Part, data_uri, overview

ZOOMS = (1, 2, 4, 8)
EVIDENCE = "evidence map"
LEAST_DEVIATION = 0.3
"""Grey levels of a picture: its own rounding deviates by so much."""


def viewer(
    frames: Mapping[str, Frame],
    *,
    chosen: str,
    pixel_size_nm: float | None,
    tint: Tint | None = None,
    noise: NoiseRecord | None = None,
) -> Html:
    """Return the viewer of a raw frame and its restorations.

    ``chosen`` is the one that is shown first, ``tint`` what there is to show of its evidence map, ``noise`` by which
    what was removed is measured. Of a large frame the centre is shown, or the place where the map finds most.
    """
    raw = frames[RAW].pixels
    part = _part(raw.shape, tint)
    window = GreyWindow.of(part(raw))
    magnification = max(1, MAX_SIDE_PX // max(part.height, part.width))
    law = _deviations(noise, window) if noise is not None and noise.holds else None
    after = [
        _picture(name, data_uri(part(frame.pixels), window, lossless=name == chosen), shown=name == chosen)
        for name, frame in frames.items()
        if name != RAW
    ]
    after += [] if tint is None else [_evidence(tinted(tint, window, part))]
    viewport = element(
        "div",
        element("div", _picture(RAW, data_uri(part(raw), window, lossless=True), shown=True), class_="layer before"),
        element("div", *after, class_="layer after") if after else "",
        _overlays(chosen) if after else "",
        class_="viewport",
        role="group",
        tabindex=0,
        aria_label="Pictures before and after. Plus and minus zoom, arrow keys move.",
    )
    return element(
        "figure",
        viewport,
        _controls(
            [*(name for name in frames if name != RAW), *([EVIDENCE] if tint else [])],
            chosen=chosen,
            removed=_removed(measured=law is not None),
        )
        if after
        else "",
        element("figcaption", *_caption(frames[chosen].pixels, window, part), class_="quiet"),
        class_="viewer",
        style=f"--width:{part.width};--height:{part.height};--side:{part.width * magnification}px",
        data_nm=f"{pixel_size_nm:.6g}" if pixel_size_nm else None,
        data_deviations=law,
    )


def _part(shape: tuple[int, int], tint: Tint | None) -> Part:
    if tint is None or max(shape) <= MAX_SIDE_PX:
        return Part.of(shape)
    findings = tint.found.findings()
    return Part.of(shape, (findings[0].x, findings[0].y) if findings else None)


def _deviations(noise: NoiseRecord, window: GreyWindow) -> str:
    """Standard deviations of the noise at each of the pictures' 256 grey levels, in those levels."""
    span = window.white - window.black
    means = window.black + span * np.linspace(0, 1, 256, dtype=np.float32)
    deviations = np.sqrt(Noise.of_record(noise).variance(means)) * np.float32(255 / span)
    return " ".join(f"{max(float(deviation), LEAST_DEVIATION):.3g}" for deviation in deviations)


def _picture(name: str, uri: str, *, shown: bool) -> Html:
    alt = "Raw frame" if name == RAW else f"Restored by {name}"
    return element("img", src=uri, alt=alt, data_name=name, decoding="async", draggable="false", hidden=not shown)


def _evidence(uri: str) -> Html:
    alt = "Evidence map over the chosen restoration: orange where raw is brighter, blue darker, violet not compared"
    return element(
        "img", src=uri, alt=alt, data_name=EVIDENCE, data_map=True, decoding="async", draggable="false", hidden=True
    )


def _overlays(chosen: str) -> Html:
    divider = element(
        "div",
        class_="divider",
        role="slider",
        tabindex=0,
        aria_label="Divider between raw and restored",
        aria_valuemin=0,
        aria_valuemax=100,
        aria_valuenow=50,
    )
    return joined(
        divider,
        element("span", RAW, class_="tag left"),
        element("span", chosen, class_="tag right"),
        element("span", class_="scalebar", hidden=True),
    )


def _removed(*, measured: bool) -> Html:
    shown = "in standard deviations of the noise at that grey level" if measured else "twice amplified"
    return element(
        "button",
        "Removed" if measured else "Removed ×2",
        type="button",
        data_removed=True,
        aria_pressed="false",
        title=f"Raw minus restored, {shown}: look for lines and edges, not for brightness",
    )


def _controls(names: list[str], *, chosen: str, removed: Html) -> Html:
    picks = (element("button", n, type="button", data_pick=n, aria_pressed=str(n == chosen).lower()) for n in names)
    zooms = (
        element(
            "button", f"{z}×", type="button", data_zoom=z, aria_pressed=str(z == 1).lower(), aria_label=f"Zoom {z}×"
        )
        for z in ZOOMS
    )
    return element(
        "div",
        element("div", *picks, class_="buttons", role="group", aria_label="Restoration shown"),
        element("div", removed, *zooms, class_="buttons", role="group", aria_label="View and zoom"),
        class_="controls",
    )


def _caption(frame: Pixels, window: GreyWindow, part: Part) -> Iterator[Html | str]:
    height, width = frame.shape
    grey = f"{100 * window.black:.0f} to {100 * window.white:.0f} % of full scale" if window.stretches else "full scale"
    if (height, width) == (part.height, part.width):
        yield f"Whole frame, native pixels; grey range: {grey}"
        return
    small = overview(frame, part)
    if small is not None:
        yield element("img", src=small, alt="The whole frame; outlined is what is shown of it")
    place = "The centre" if part == Part.of(frame.shape) else "Around the strongest disagreement"
    outlined = ", outlined" if small else ""
    yield (
        f"{place}{outlined}: {part.width} × {part.height} px of {width} × {height}, from x {part.left}, y {part.top}, "
        f"native pixels; grey range: {grey}"
    )
