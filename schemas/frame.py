"""The specimen pixels of one image in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
"""``(H, W)`` float32. In a `Frame` within ``[0, 1]``; between steps of a method any finite value."""


class NotAFrame(ValueError):
    """Pixels that cannot be a frame; the message says what is wrong with them."""


@dataclass(frozen=True, eq=False)
class Frame:
    """Specimen pixels: ``(H, W)`` float32 in ``[0, 1]``, finite, read-only, databar excluded.

    The grey scale is that of the source's dtype (or effective bits), never an image's own minimum and maximum, so that
    grey levels of one instrument stay comparable from image to image.

    Raises
    ------
    NotAFrame
        If the pixels are not two-dimensional float32, are empty, not finite, or outside ``[0, 1]``.

    Examples
    --------
    >>> Frame(np.full((2, 3), 0.5, np.float32)).shape
    (2, 3)
    """

    pixels: Pixels

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.ndim != 2 or pixels.size == 0:
            raise NotAFrame(f"a frame has two dimensions and at least one pixel, not the shape {pixels.shape}")
        if pixels.dtype != np.float32:
            raise NotAFrame(f"a frame is float32, not {pixels.dtype}")
        if not np.isfinite(pixels).all():
            raise NotAFrame(f"{int((~np.isfinite(pixels)).sum())} pixels are not finite")
        if pixels.min() < 0 or pixels.max() > 1:
            raise NotAFrame(f"pixels lie in [{pixels.min():g}, {pixels.max():g}], outside [0, 1]")
        readonly = np.ascontiguousarray(pixels).view()
        readonly.flags.writeable = False
        object.__setattr__(self, "pixels", readonly)

    @classmethod
    def clipped(cls, pixels: NDArray[np.floating]) -> "Frame":
        """Make a frame of a method's result, clipping what overshoots ``[0, 1]``."""
        return cls(np.clip(pixels, 0.0, 1.0).astype(np.float32, copy=False))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.pixels.shape
        return height, width
