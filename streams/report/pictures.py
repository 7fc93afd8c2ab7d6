"""Frames as pictures for a page: a part of each at native pixels, for noise must be seen as it is."""

from base64 import b64encode
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels

MAX_SIDE_PX = 512
"""Longest side of a picture; what is larger is cropped, never resampled."""
WEBP_QUALITY = 95
"""Adds an rms error of 1.1 grey levels at a third of the size of a PNG (a restored KRISS frame: 33 against 100 kB)."""
TAIL_PERCENT = 0.1
"""Share of the raw frame's pixels beyond each end of the grey window."""
STRETCH_BELOW = 0.75
"""Frames that span less than this share of full scale are stretched, all pictures of an image alike."""


Level = TypeVar("Level", bound=np.generic)


OVERVIEW_SIDE_PX = 160
"""Longest side of the small picture of a whole frame."""
OVERVIEW_LEAST_PX = 12
"""Shortest side of one."""


@dataclass(frozen=True)
class Part:
    """The part of a frame that its pictures show, of up to 512 x 512 px."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def of(cls, shape: tuple[int, int], seen: tuple[int, int] | None = None) -> "Part":
        """Choose the centre of a frame of ``(H, W)``; or around ``seen``, a place (x, y), where the centre lacks it.

        >>> Part.of((600, 2000)), Part.of((600, 2000), seen=(1900, 300)).left
        (Part(top=44, left=744, height=512, width=512), 1488)
        """
        height, width = (min(side, MAX_SIDE_PX) for side in shape)
        centre = cls((shape[0] - height) // 2, (shape[1] - width) // 2, height, width)
        if seen is None or centre.holds(*seen):
            return centre
        x, y = seen
        top = min(max(y - height // 2, 0), shape[0] - height)
        return cls(top, min(max(x - width // 2, 0), shape[1] - width), height, width)

    def holds(self, x: int, y: int) -> bool:
        """Whether a place of the frame is in it."""
        return 0 <= y - self.top < self.height and 0 <= x - self.left < self.width

    def __call__(self, pixels: NDArray[Level]) -> NDArray[Level]:
        """Return this part of a frame ``(H, W)`` or of colours ``(H, W, 3)``."""
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True)
class GreyWindow:
    """The grey levels between black and white of the pictures, as shares of full scale."""

    black: float = 0.0
    white: float = 1.0

    @classmethod
    def of(cls, raw: Pixels) -> "GreyWindow":
        """Choose the window from what is shown of the raw frame, so that dark frames can be seen."""
        black, white = np.percentile(raw, (TAIL_PERCENT, 100 - TAIL_PERCENT))
        if white - black >= STRETCH_BELOW or white <= black:
            return cls()
        return cls(float(black), float(white))

    @property
    def stretches(self) -> bool:
        """Whether the pictures show less than the full scale."""
        return (self.black, self.white) != (0.0, 1.0)


def data_uri(shown: Pixels, window: GreyWindow, *, lossless: bool) -> str:
    """Encode what is shown of a frame as an 8-bit PNG or WebP ``data:`` URI."""
    if lossless:
        return encoded(_levels(shown, window), "png", [cv2.IMWRITE_PNG_COMPRESSION, 6])
    return encoded(_levels(shown, window), "webp", [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])


def overview(frame: Pixels, part: Part) -> str | None:
    """Encode a whole frame, small, with an outline around the part that is shown, as a ``data:`` URI.

    There is none of a frame so narrow that nothing could be seen within the outline.
    """
    height, width = frame.shape
    scale = OVERVIEW_SIDE_PX / max(height, width)
    size = round(width * scale), round(height * scale)
    if min(size) < OVERVIEW_LEAST_PX:
        return None
    small = cv2.resize(_levels(frame, GreyWindow.of(frame)), size, interpolation=cv2.INTER_AREA)
    corner = round(part.left * scale), round(part.top * scale)
    opposite = round((part.left + part.width) * scale) - 1, round((part.top + part.height) * scale) - 1
    for colour, thickness in ((0, 3), (255, 1)):
        cv2.rectangle(small, corner, opposite, colour, thickness)
    return encoded(np.asarray(small, np.uint8), "webp", [cv2.IMWRITE_WEBP_QUALITY, 85])


def _levels(pixels: Pixels, window: GreyWindow) -> NDArray[np.uint8]:
    grey = (pixels - window.black) / (window.white - window.black)
    return np.asarray(np.round(np.clip(grey, 0, 1) * 255), np.uint8)


def encoded(levels: NDArray[np.uint8], kind: str, options: list[int]) -> str:
    """Encode grey levels, or colours in the order of OpenCV, as a ``data:`` URI."""
    done, data = cv2.imencode(f".{kind}", levels, options)
    if not done:
        raise RuntimeError(f"no {kind} could be made of {levels.shape} grey levels")
    return f"data:image/{kind};base64,{b64encode(data.tobytes()).decode()}"
