"""Frames as pictures for a page: centre crops at native pixels, for noise must be seen as it is."""

from base64 import b64encode
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Frame

MAX_SIDE_PX = 512
"""Longest side of a picture; what is larger is cropped, never resampled."""
WEBP_QUALITY = 95
"""Adds an rms error of 1.1 grey levels at a third of the size of a PNG (a restored KRISS frame: 33 against 100 kB)."""
TAIL_PERCENT = 0.1
"""Share of the raw frame's pixels beyond each end of the grey window."""
STRETCH_BELOW = 0.75
"""Frames that span less than this share of full scale are stretched, all pictures of an image alike."""


Level = TypeVar("Level", bound=np.generic)


@dataclass(frozen=True)
class GreyWindow:
    """The grey levels between black and white of the pictures, as shares of full scale."""

    black: float = 0.0
    white: float = 1.0

    @classmethod
    def of(cls, raw: Frame) -> "GreyWindow":
        """Choose the window from the raw frame's centre, so that dark frames can be seen."""
        black, white = np.percentile(centre(raw.pixels), (TAIL_PERCENT, 100 - TAIL_PERCENT))
        if white - black >= STRETCH_BELOW or white <= black:
            return cls()
        return cls(float(black), float(white))

    @property
    def stretches(self) -> bool:
        """Whether the pictures show less than the full scale."""
        return (self.black, self.white) != (0.0, 1.0)


def centre(pixels: NDArray[Level]) -> NDArray[Level]:
    """Return the central ``(<= 512, <= 512)`` pixels of a frame ``(H, W)`` or of colours ``(H, W, 3)``."""
    top, left = ((side - min(side, MAX_SIDE_PX)) // 2 for side in pixels.shape[:2])
    return pixels[top : top + MAX_SIDE_PX, left : left + MAX_SIDE_PX]


def data_uri(frame: Frame, window: GreyWindow, *, lossless: bool) -> str:
    """Encode the centre of a frame as an 8-bit PNG or WebP ``data:`` URI."""
    grey = (centre(frame.pixels) - window.black) / (window.white - window.black)
    levels = np.round(np.clip(grey, 0, 1) * 255).astype(np.uint8)
    if lossless:
        return encoded(levels, "png", [cv2.IMWRITE_PNG_COMPRESSION, 6])
    return encoded(levels, "webp", [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])


def encoded(levels: NDArray[np.uint8], kind: str, options: list[int]) -> str:
    """Encode grey levels, or colours in the order of OpenCV, as a ``data:`` URI."""
    done, data = cv2.imencode(f".{kind}", levels, options)
    if not done:
        raise RuntimeError(f"no {kind} could be made of {levels.shape} grey levels")
    return f"data:image/{kind};base64,{b64encode(data.tobytes()).decode()}"
