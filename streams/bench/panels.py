"""Panels of a picture: parts of frames, magnified, side by side, each with a line above that says what it is."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from streams.errors import UsageError
from streams.report.pictures import GreyWindow

MAGNIFIED = 2
GAP_PX = 12
TITLE_PX = 22
"""Height of the line above a panel."""

Colours = NDArray[np.uint8]
"""``(H, W, 3)``: red, green, blue."""


def grey(pixels: Pixels, window: GreyWindow) -> Colours:
    """Return a frame in the grey levels of a picture."""
    levels = np.clip((pixels - window.black) / (window.white - window.black), 0, 1) * 255
    return np.repeat(np.rint(levels).astype(np.uint8)[..., None], 3, axis=2)


def panel(colours: Colours, *, top: int, left: int, side_px: int, title: str = "") -> Colours:
    """Cut a square out, as far as it lies in the frame, magnify it, and put a gap to its right."""
    height, width = colours.shape[:2]
    top, left = (int(np.clip(at, 0, length - side_px)) for at, length in ((top, height), (left, width)))
    part = colours[top : top + side_px, left : left + side_px]
    large = np.repeat(np.repeat(part, MAGNIFIED, axis=0), MAGNIFIED, axis=1)
    if title:
        large = np.pad(large, ((TITLE_PX, 0), (0, 0), (0, 0)), constant_values=255)
        place = (2, TITLE_PX - 7)
        cv2.putText(large, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return np.pad(large, ((0, 0), (0, GAP_PX), (0, 0)), constant_values=255)


def write_row(path: Path, panels: Sequence[Colours]) -> None:
    """Write panels side by side as a PNG; raises `UsageError` where the file cannot be written."""
    row = np.concatenate(panels, axis=1)[:, :-GAP_PX]
    if not cv2.imwrite(str(path), row[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        raise UsageError(f"cannot write {path}")
