"""The pixels of one page as the file stores them, and how their numbers are intensities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from schemas.image import Palette, Roi
from schemas.model import Record
from streams.errors import InvalidImage
from streams.formats.directory import Directory

Stored = NDArray[np.uint8 | np.uint16 | np.float32]
"""``(H, W)`` grey levels as the file stores them."""


def full_scale(dtype: np.dtype[np.generic]) -> int:
    """Give the level that is white where nothing else is stated: 255, 65535, or 1 for floats."""
    return 2 ** (8 * dtype.itemsize) - 1 if dtype.kind == "u" else 1


class Scale(Record):
    """Which stored level is intensity 0 and which is intensity 1.

    Black lies above white where a file stores its levels inverted. The scale is that of the dtype, or of what tags say
    of it, or of the bits that somebody states (`bits.fitting`); an image's own range enters for float files, where
    nothing else is known, and where 16-bit files show at what level fewer bits saturate (`bits.saturated_bits`).

    Examples
    --------
    >>> Scale(black=0, white=255).intensity(np.uint8([[0, 51, 255]]))
    array([[0. , 0.2, 1. ]], dtype=float32)
    >>> Scale(black=255, white=0).stored(np.float32([[0.25]]), np.dtype("uint8"))
    array([[191]], dtype=uint8)
    """

    black: float
    white: float

    def intensity(self, stored: Stored) -> Pixels:
        """Map stored levels to ``[0, 1]``, float32."""
        offset = stored.astype(np.float32)
        if self.black:
            offset -= np.float32(self.black)
        # A division, for a product with 1 / 65535 rounds full scale to more than 1.
        offset /= np.float32(self.white - self.black)
        return offset

    def stored(self, intensity: Pixels, dtype: np.dtype[np.generic]) -> Stored:
        """Map ``[0, 1]`` back to the nearest stored levels."""
        levels = intensity * np.float32(self.white - self.black)
        levels += np.float32(self.black)
        return np.rint(levels, out=levels).astype(dtype) if dtype.kind == "u" else levels


@dataclass(frozen=True, eq=False)
class PagePixels:
    """One page, decoded: nothing cropped, nothing rescaled."""

    stored: Stored
    scale: Scale
    samples: int
    """Channels of the file; several are copies of one, and ``stored`` is that one."""
    effective_bits: int | None = None
    palette: Palette = Palette.NONE
    directory: Directory | None = None
    """The page's tags, where the file is TIFF."""

    def crop(self, roi: Roi) -> Stored:
        """The stored levels of a rectangle (a view); raises `InvalidImage` where it leaves the page."""
        height, width = self.stored.shape
        if roi.x + roi.width > width or roi.y + roi.height > height:
            raise InvalidImage(f"the roi {roi!r} lies outside the page of {width} x {height} pixels")
        return self.stored[roi.y : roi.y + roi.height, roi.x : roi.x + roi.width]


COLOUR_TOLERANCE = 4 / 255
"""How far channels may differ and still be copies of one: JPEG keeps colour coarsely."""


def grey_of(pixels: Stored) -> Stored:
    """Take the one channel of a page whose channels are copies, ``(H, W, S)`` to ``(H, W)``.

    A constant last channel of two or four is an alpha channel without meaning.

    Raises
    ------
    InvalidImage
        If the channels differ, or if an alpha channel hides part of the image.
    """
    if pixels.ndim == 2:
        return pixels
    if pixels.ndim != 3:
        raise InvalidImage(f"pixels of {pixels.ndim} dimensions were decoded: the file is corrupt")
    channels = [pixels[..., channel] for channel in range(pixels.shape[2])]
    if len(channels) in (2, 4):
        alpha = channels.pop()
        if alpha.min() != alpha.max():
            raise InvalidImage("an alpha channel hides part of the image: export it as grey without transparency")
    if len(channels) not in (1, 3):
        raise InvalidImage(f"a page of {pixels.shape[2]} channels: export each channel as a grey page of its own")
    tolerance = COLOUR_TOLERANCE * full_scale(pixels.dtype)
    if any(_difference(channel, channels[0]) > tolerance for channel in channels[1:]):
        raise InvalidImage("a colour image: its channels differ; export the micrograph as grey, without annotations")
    # Green carries most of what JPEG keeps exactly.
    return np.ascontiguousarray(channels[len(channels) // 2])


def _difference(one: Stored, other: Stored) -> float:
    return float(np.subtract(np.maximum(one, other), np.minimum(one, other)).max())


def one_line(error: Exception) -> str:
    """Shorten what a library says to a line that fits in a reason."""
    return " ".join(str(error).split())[:200]
