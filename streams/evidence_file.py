"""The evidence map of a selected result: what is shown of it, and the file beside the result."""

from pathlib import Path

import cv2
import numpy as np

from schemas.events import ImageEvent
from schemas.frame import Frame
from schemas.scores import RAW
from stages.evidence import Evidence, EvidenceMap
from stages.noise import Noise

SUFFIX = ".evidence.png"
BLANK_BELOW = 2.0
"""Standard deviations below which the file is mid-grey: noise reaches them everywhere, and the file stays small."""
MID_GREY = 128
GREYS_PER_DEVIATION = 12
"""A file shows up to ±10 standard deviations."""
NOT_COMPARED = 0
LISTED = 100
"""Findings in a certificate; a restoration with more has no place in it that is to be believed."""
LEAST_DEVIATION = NOT_COMPARED + 1
_SHOWN = np.array(
    [MID_GREY if abs(g - MID_GREY) < BLANK_BELOW * GREYS_PER_DEVIATION else g for g in range(256)], np.uint8
)


def evidence_file_of(path: Path) -> Path:
    """Where the evidence map of a result lies."""
    return path.with_name(path.name + SUFFIX)


def evidence_of(event: ImageEvent, raw: Frame, chosen: Frame) -> EvidenceMap | None:
    """Return the map of the selected frame; there is none of a raw frame that was kept, nor without a noise law."""
    kept = event.selection is None or event.selection.chosen == RAW
    if kept or event.noise is None or raw.shape != chosen.shape:
        return None
    evidence = Evidence.of(raw.pixels, Noise.of_record(event.noise))
    return None if evidence is None else evidence(chosen.pixels)


def encoded(found: EvidenceMap) -> bytes:
    """Encode a map as an 8-bit grey PNG: 128 plus 12 for every standard deviation by which the raw frame is brighter.

    Black is where nothing could be compared.

    >>> from stages.evidence import EvidenceMap
    >>> z = np.array([[0, 1.5, 3, -5, 40, -40, 0]], np.float32)
    >>> file = np.frombuffer(encoded(EvidenceMap((z,), np.array([[True] * 6 + [False]]))), np.uint8)
    >>> cv2.imdecode(file, cv2.IMREAD_UNCHANGED).tolist()
    [[128, 128, 164, 68, 255, 1, 0]]
    """
    levels = cv2.addWeighted(found.z, GREYS_PER_DEVIATION, found.z, 0, MID_GREY, dtype=cv2.CV_8U)
    shown = np.maximum(cv2.LUT(levels, _SHOWN), np.uint8(LEAST_DEVIATION))
    grey = np.where(found.compared, shown, np.uint8(NOT_COMPARED))
    done, data = cv2.imencode(".png", grey)
    if not done:
        raise RuntimeError(f"no PNG could be made of {grey.shape} standard deviations")
    return data.tobytes()


def told(found: EvidenceMap) -> list[dict[str, float]]:
    """Return the findings as a certificate holds them, the strongest first."""
    return [{"x": f.x, "y": f.y, "z": f.z, "scale_px": f.scale_px} for f in found.findings()[:LISTED]]
