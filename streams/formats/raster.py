"""PNG, BMP and JPEG files: one page, checked from the header first, decoded after.

Sources of the layouts: PNG specification (W3C, 2003), sections 5 and 11; ITU-T T.81 (JPEG), annex B; Microsoft's
``BITMAPINFOHEADER``.
"""

import re
import zlib
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from streams.errors import InvalidImage
from streams.formats.bits import fitting, saturated_bits
from streams.formats.limits import Limits
from streams.formats.page import PagePixels, Scale, Stored, grey_of, one_line
from streams.formats.sniff import Format

_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SCAN, _JPEG_STUFFING = 0xDA, 0xFF


@dataclass(frozen=True)
class Header:
    """What a file declares of itself; ``bits`` are those of one sample."""

    width: int
    height: int
    samples: int
    bits: int


class RasterSource:
    """A PNG, BMP or JPEG file whose header was read and checked."""

    page_count = 1

    def __init__(self, data: memoryview, kind: Format, limits: Limits) -> None:
        read = {Format.PNG: _png, Format.BMP: _bmp, Format.JPEG: _jpeg}[kind]
        self._data = data
        self._header = header = read(data)
        limits.check_size(header.width, header.height)
        limits.check_ratio(header.width * header.height * header.samples * header.bits // 8, len(data))

    def page(self, number: int, bits: int | None = None) -> PagePixels:
        """Decode the only page, its 16-bit levels by the bits if they fit; raises `InvalidImage`."""
        if number:
            raise InvalidImage(f"page {number} is asked of a file of 1 page")
        pixels = _decoded(self._data)
        stored = grey_of(pixels)
        if stored.shape != (self._header.height, self._header.width):
            raise InvalidImage(f"{stored.shape} pixels were decoded, not what the header declares: the file is corrupt")
        bits = fitting(stored, bits) or saturated_bits(stored)
        return PagePixels(
            stored=stored,
            scale=Scale(black=0, white=2**bits - 1),
            samples=1 if pixels.ndim == 2 else pixels.shape[2],
            effective_bits=min(self._header.bits, bits),
        )


def _decoded(data: memoryview) -> Stored:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise InvalidImage(
            f"the pixels cannot be decoded ({one_line(error)}): the file is corrupt; copy it again"
        ) from error
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise InvalidImage("the pixels cannot be decoded: the file is truncated or corrupt; copy it again")
    return pixels  # type: ignore[return-value]


def _png(data: memoryview) -> Header:
    """Walk the chunks to the last, their checksums included; raises `InvalidImage`."""
    offset = 8
    while True:
        length = _number(data, offset, 4, "big")
        kind = bytes(data[offset + 4 : offset + 8])
        stated = _number(data, offset + 8 + length, 4, "big")
        if zlib.crc32(data[offset + 4 : offset + 8 + length]) != stated:
            raise InvalidImage(f"the checksum of chunk {kind!r} is wrong: the file is corrupt; copy it again")
        if kind == b"IEND":
            break
        offset += 12 + length
    depth, colour = data[24], data[25]
    return Header(
        width=_number(data, 16, 4, "big"),
        height=_number(data, 20, 4, "big"),
        samples=_PNG_CHANNELS.get(colour, 1),
        bits=depth,
    )


def _bmp(data: memoryview) -> Header:
    """Read the header and, where rows are not run-length coded, see that all are there; raises `InvalidImage`."""
    if _number(data, 14, 4, "little") == 12:
        width, height, pixel_bits = (_number(data, offset, 2, "little") for offset in (18, 20, 24))
        compression = 0
    else:
        width, height = (_number(data, offset, 4, "little", signed=True) for offset in (18, 22))
        pixel_bits, compression = _number(data, 28, 2, "little"), _number(data, 30, 4, "little")
    height = abs(height)
    row_bytes = (max(width, 0) * pixel_bits + 31) // 32 * 4
    if compression == 0 and _number(data, 10, 4, "little") + row_bytes * height > len(data):
        raise _truncated(data)
    return Header(width=width, height=height, samples=max(1, pixel_bits // 8), bits=min(pixel_bits, 8))


def _jpeg(data: memoryview) -> Header:
    """Find the frame header and see that the scan has its end marker; raises `InvalidImage`."""
    offset, header = 2, None
    while True:
        marker = _number(data, offset + 1, 1, "big")
        if data[offset] != 0xFF:
            raise InvalidImage(f"no JPEG marker at byte {offset}: the file is corrupt; copy it again")
        if marker == _JPEG_STUFFING:
            offset += 1
            continue
        if marker in _JPEG_FRAMES:
            height, width = (_number(data, offset + at, 2, "big") for at in (5, 7))
            samples, bits = (_number(data, offset + at, 1, "big") for at in (9, 4))
            header = Header(width=width, height=height, samples=samples, bits=bits)
        if marker == _JPEG_SCAN:
            break
        offset += 2 + _number(data, offset + 2, 2, "big")
    # Within coded data 0xFF is followed by 0 or a restart marker, so this finds the end and nothing else.
    if header is None or not re.compile(rb"\xff\xd9").search(data, offset):
        raise _truncated(data)
    if header.bits != 8:
        raise InvalidImage(f"a JPEG file of {header.bits} bits is not read: export as TIFF")
    return header


def _number(data: memoryview, offset: int, size: int, order: Literal["little", "big"], *, signed: bool = False) -> int:
    """Read an integer of the header; raises `InvalidImage` beyond the end of the file."""
    if offset + size > len(data):
        raise _truncated(data)
    return int.from_bytes(data[offset : offset + size], order, signed=signed)


def _truncated(data: memoryview) -> InvalidImage:
    return InvalidImage(f"the file ends at byte {len(data)}, before its image does: it is truncated; copy it again")
