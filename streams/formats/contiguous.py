"""Pages of a TIFF file that lie in it as they lie in memory."""

import numpy as np

from streams.formats.directory import Directory
from streams.formats.page import Stored

_WIDTH, _HEIGHT, _BITS, _KIND = 256, 257, 258, 339
_STRIP_OFFSETS, _ROWS_PER_STRIP, _STRIP_BYTE_COUNTS = 273, 278, 279
_ORDINARY = {259: "compression", 266: "fill order", 277: "samples", 317: "predictor", 32997: "depth"}
_DTYPES: dict[tuple[int, int], np.dtype[np.uint8 | np.uint16 | np.float32]] = {
    (1, 8): np.dtype(np.uint8),
    (1, 16): np.dtype(np.uint16),
    (3, 32): np.dtype(np.float32),
}


def contiguous_pixels(data: memoryview, directory: Directory) -> Stored | None:
    """Return the pixels of a grey page whose strips are uncompressed and follow each other; ``None`` for any other.

    Nearly all instruments write such pages. tifffile comes to the same pixels, after 0.2 ms: more than all else that
    reading a page of 512 x 512 px takes. The page must have been checked to lie inside the file.
    """
    dtype = _DTYPES.get((directory.number(_KIND, 1), directory.number(_BITS, 1)))
    if dtype is None or _STRIP_OFFSETS not in directory.tags or any(directory.number(tag, 1) != 1 for tag in _ORDINARY):
        return None
    height, width = directory.number(_HEIGHT, 0), directory.number(_WIDTH, 0)
    offsets, counts = (directory.integers(tag).astype(np.int64) for tag in (_STRIP_OFFSETS, _STRIP_BYTE_COUNTS))
    row_bytes = width * dtype.itemsize
    strip_bytes = min(height, directory.number(_ROWS_PER_STRIP, height)) * row_bytes
    regular = np.array_equal(offsets, offsets[0] + strip_bytes * np.arange(len(offsets)))
    if not regular or (counts[:-1] != strip_bytes).any() or counts.sum() != height * row_bytes:
        return None
    stored = np.frombuffer(data, dtype.newbyteorder(directory.order), height * width, int(offsets[0]))
    return stored.reshape(height, width)
