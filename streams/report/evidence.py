"""The evidence map of an image on its card: a picture over the restoration, and what was found."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Frame
from stages.evidence import SEEN_FROM, EvidenceMap, Finding
from streams.report import quantities
from streams.report.markup import Html, element, joined
from streams.report.pictures import GreyWindow, Part, encoded

TOLD_FROM = 0.01
"""Share of a frame in which nothing could be compared from which the card says so."""
LISTED = 8
"""Findings on a card; the certificate has more."""
FAINT_FROM = 4.0
"""Standard deviations from which the picture is coloured, fully at `SEEN_FROM`."""
RAW_BRIGHTER, RAW_DARKER = np.array((240, 120, 20), np.float32), np.array((30, 130, 255), np.float32)
"""Red, green and blue."""
NOT_COMPARED = np.array((110, 40, 130), np.float32)
RING_PX = 9
READING = (
    "Where the raw frame is darker something dark was erased or something bright planted, where it is brighter the "
    "reverse; look at both."
)


class Tint(NamedTuple):
    """What `tinted` paints: the selected frame and the map of it."""

    frame: Frame
    found: EvidenceMap


def tinted(tint: Tint, window: GreyWindow, part: Part) -> str:
    """Return what `painted` paints of a part of the frame, as a ``data:`` URI."""
    return encoded(part(painted(tint, window)[..., ::-1]), "webp", [cv2.IMWRITE_WEBP_QUALITY, 85])


def painted(tint: Tint, window: GreyWindow) -> NDArray[np.uint8]:
    """Paint the map over its restoration, ``(H, W, 3)`` red, green, blue.

    Orange is where the raw frame is brighter, blue where it is darker; a ring is around each finding. Where nothing
    could be compared it is violet.
    """
    grey = (tint.frame.pixels - window.black) / np.float32(window.white - window.black)
    base = np.clip(grey, 0, 1)[..., None] * np.float32(150) + np.float32(40)
    base = np.where(tint.found.compared[..., None], base, (base + NOT_COMPARED) / 2)
    z = tint.found.z
    share = np.clip((np.abs(z) - FAINT_FROM) / (SEEN_FROM - FAINT_FROM), 0, 1)[..., None]
    colour = np.where(z[..., None] > 0, RAW_BRIGHTER, RAW_DARKER)
    picture = np.rint(base * (1 - share) + colour * share).astype(np.uint8)
    for finding in tint.found.findings():
        radius = RING_PX + round(2 * finding.scale_px)
        cv2.circle(picture, (finding.x, finding.y), radius, (255, 255, 255), 1, cv2.LINE_AA)
    return np.asarray(picture, np.uint8)


def evidence_list(found: EvidenceMap | None, *, kept: bool) -> Html:
    """Return what was found, the strongest first; nothing where the raw frame was kept."""
    if kept:
        return Html()
    if found is None:
        return element("p", "No evidence map: the noise follows no law.", class_="quiet")
    findings = found.findings()
    if not findings:
        most = quantities.number(found.largest, decimals=1)
        why = f"nothing beyond {SEEN_FROM} standard deviations of the noise (most: {most})"
        return element("p", f"Evidence map: {why}.{_blind(found)}", class_="quiet evidence")
    more = len(findings) - LISTED
    rest = f" {more} more are in the certificate." if more > 0 else ""
    return joined(
        element("p", f"Evidence map: raw and restored disagree in {_places(len(findings))}", class_="label"),
        element("ul", *(_line(finding) for finding in findings[:LISTED]), class_="findings"),
        element("p", READING, rest, _blind(found), class_="quiet"),
    )


def _blind(found: EvidenceMap) -> str:
    share = 1 - float(found.compared.mean())
    return f" Not compared is {share:.0%} of the frame (violet): clipped, or at the rim." if share >= TOLD_FROM else ""


def _places(count: int) -> str:
    return "1 place" if count == 1 else f"{count} places"


def _line(finding: Finding) -> Html:
    z = quantities.number(finding.z, decimals=1)
    place = f"x {finding.x}, y {finding.y} px"
    side = "raw brighter" if finding.z > 0 else "raw darker"
    return element("li", element("b", place), f" z {z}, scale {finding.scale_px} px, {side}", title=finding.meaning)
