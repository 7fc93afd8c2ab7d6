"""Pages of a TIFF file: checked from their tags first, decoded after."""

import io
import math
import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tifffile

from schemas.image import Palette
from streams.errors import InvalidImage
from streams.formats.bits import fitting, saturated_bits, tagged_bits
from streams.formats.contiguous import contiguous_pixels
from streams.formats.directory import Directory, directories
from streams.formats.limits import Limits
from streams.formats.page import PagePixels, Scale, Stored, grey_of, one_line

COMPRESSIONS = {1: "none", 5: "LZW", 7: "JPEG", 8: "deflate", 32773: "PackBits", 32946: "deflate", 50000: "zstd"}
"""Allowed. LERC, JPEG 2000 and the rest let 94 bytes unfold into 64 MB, and no instrument is known to write them."""

MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, YCBCR = 0, 1, 2, 3, 6
UNSIGNED, SIGNED, FLOAT, UNTYPED = 1, 2, 3, 4
_BITS = frozenset({1, 2, 4, *range(8, 17)})
_FLOAT_WHITES = (255, 4095, 65535)


@dataclass(frozen=True)
class Layout:
    """What the tags of one page say about its pixels."""

    width: int
    height: int
    samples: int
    bits: int
    kind: int
    photometric: int
    compression: int

    @classmethod
    def of(cls, directory: Directory) -> "Layout":
        """Read the tags, with the defaults of TIFF 6.0 for those that are absent."""
        return cls(
            width=directory.number(256, 0),
            height=directory.number(257, 0),
            samples=directory.number(277, 1),
            bits=directory.number(258, 1),
            kind=directory.number(339, UNSIGNED),
            photometric=directory.number(262, MIN_IS_BLACK),
            compression=directory.number(259, 1),
        )


class TiffSource:
    """A TIFF file whose directories were read and checked. Decodes a page at a time."""

    def __init__(self, data: bytes | memoryview, limits: Limits) -> None:
        self._data = memoryview(data)
        whole = tuple(d for d in directories(self._data, limits) if not _is_thumbnail(d))
        # A colour page beside grey ones is a preview for people.
        self._directories = tuple(d for d in whole if d.number(277, 1) == 1) or whole
        if not self._directories:
            raise InvalidImage("the TIFF file holds thumbnails only: export the full image")
        for directory in self._directories:
            _check(directory, self._data, limits)
        _check_stack(self._directories)

    @property
    def page_count(self) -> int:
        """Images in the file; thumbnails and previews are none."""
        return len(self._directories)

    def page(self, number: int, bits: int | None = None) -> PagePixels:
        """Decode one page, its 16-bit levels by the bits if they fit; raises `InvalidImage`."""
        if not 0 <= number < self.page_count:
            raise InvalidImage(f"page {number} is asked of a file of {self.page_count} pages")
        directory = self._directories[number]
        layout = Layout.of(directory)
        stored = _grey(self._decoded(directory), layout)
        palette = _palette_of(directory) if layout.photometric == PALETTE else Palette.NONE
        bits = fitting(stored, bits) or _bits_of(directory, layout, stored)
        return PagePixels(
            stored=stored,
            scale=_scale_of(directory, layout, stored, bits),
            samples=layout.samples,
            effective_bits=bits,
            palette=palette,
            directory=directory,
        )

    @cached_property
    def _file(self) -> tifffile.TiffFile:
        return tifffile.TiffFile(io.BytesIO(self._data))

    def _decoded(self, directory: Directory) -> Stored:
        if (pixels := contiguous_pixels(self._data, directory)) is not None:
            return pixels
        try:
            self._file.filehandle.seek(directory.offset)
            return tifffile.TiffPage(self._file, index=0).asarray(maxworkers=1)
        except MemoryError:
            raise
        except Exception as error:  # tifffile and the codecs raise whatever class the bytes provoke
            raise InvalidImage(
                f"the pixels cannot be decoded ({one_line(error)}): the file is corrupt; copy it again"
            ) from error


def _is_thumbnail(directory: Directory) -> bool:
    """Whether a page is a reduced version or a mask of another (`NewSubfileType` bits 0 and 2, or `SubfileType` 2)."""
    return bool(directory.number(254, 0) & 0b101) or directory.number(255, 1) == 2


def _check(directory: Directory, data: memoryview, limits: Limits) -> None:
    """Refuse a page from its tags alone; raises `InvalidImage`."""
    layout = Layout.of(directory)
    limits.check_size(layout.width, layout.height)
    _check_layout(layout)
    if directory.number(32997, 1) > 1:
        raise InvalidImage("a page with depth (tag 32997): export each plane as a page of its own")
    stored_bytes = _stored_bytes(directory, layout, len(data))
    declared_bytes = layout.width * layout.height * layout.bits * layout.samples // 8
    limits.check_ratio(declared_bytes, min(stored_bytes, len(data)))  # strips may lie on top of each other
    if layout.compression == 1 and stored_bytes < declared_bytes:
        raise InvalidImage(f"the strips hold {stored_bytes} bytes of {declared_bytes}: the file is corrupt")


def _stored_bytes(directory: Directory, layout: Layout, file_bytes: int) -> int:
    """Sum the lengths of a page's strips or tiles, all of which must be there and inside the file."""
    offsets, counts = (directory.integers(strip if strip in directory.tags else tile) for strip, tile in _CHUNK_TAGS)
    needed = _chunk_count(directory, layout)
    if len(offsets) < needed or len(offsets) != len(counts) or needed == 0:
        # tifffile would fill what is missing with zeros.
        raise InvalidImage(
            f"of {needed} strips {len(offsets)} have an offset and {len(counts)} a length: the file is corrupt"
        )
    ends = offsets.astype(np.float64) + counts.astype(np.float64)
    end = int(ends.max())
    if end > file_bytes:
        raise InvalidImage(
            f"strip {int(ends.argmax())} ends at byte {end}, beyond the end of the file at byte {file_bytes}: "
            "the file is truncated or corrupt; copy it again"
        )
    return int(counts.astype(np.float64).sum())


def _check_stack(pages: tuple[Directory, ...]) -> None:
    """Refuse a stack that ImageJ keeps under one directory: all images but the first would be lost without a word."""
    stated = re.match(rb"ImageJ=[^\0]*?\bimages=(\d{1,9})\b", pages[0].text(270), re.DOTALL)
    if stated and int(stated[1]) > len(pages):
        raise InvalidImage(
            f"an ImageJ stack of {int(stated[1])} images and {len(pages)} directories: save each image as a page"
        )


_CHUNK_TAGS = ((273, 324), (279, 325))


def _chunk_count(directory: Directory, layout: Layout) -> int:
    """Strips or tiles that make up a page, of all channels where each has its own."""
    if 273 in directory.tags:
        chunk_width, chunk_height = layout.width, directory.number(278, layout.height)
    else:
        chunk_width, chunk_height = directory.number(322, 0), directory.number(323, 0)
    planes = layout.samples if directory.number(284, 1) == 2 else 1
    if chunk_width < 1 or chunk_height < 1:
        return 0
    return math.ceil(layout.width / chunk_width) * math.ceil(layout.height / chunk_height) * planes


def _check_layout(layout: Layout) -> None:
    if layout.compression not in COMPRESSIONS:
        allowed = ", ".join(dict.fromkeys(COMPRESSIONS.values()))
        raise InvalidImage(f"compression {layout.compression} is not allowed; export with one of: {allowed}")
    if layout.photometric not in (MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, YCBCR):
        raise InvalidImage(f"colour space {layout.photometric} is not read: export the image as grey")
    if layout.kind == SIGNED:
        raise InvalidImage("signed pixels have no black level: export as 8- or 16-bit unsigned")
    if layout.kind == FLOAT and layout.bits != 32:
        raise InvalidImage(f"{layout.bits}-bit float pixels are not read: export as 32-bit float or 16-bit unsigned")
    if layout.kind not in (UNSIGNED, FLOAT, UNTYPED) or (layout.kind != FLOAT and layout.bits not in _BITS):
        raise InvalidImage(f"{layout.bits}-bit pixels of kind {layout.kind}: export as 8- or 16-bit unsigned")


def _grey(pixels: Stored, layout: Layout) -> Stored:
    """Bring what tifffile decoded to ``(H, W)``, native byte order, uint8, uint16 or float32."""
    if layout.bits < 8:
        # 1, 2 and 4 bits divide the 255 levels of a byte; a restored image needs levels in between.
        pixels = pixels.astype(np.uint8) * np.uint8(255 // (2**layout.bits - 1))
    if layout.samples > 1 and pixels.ndim == 3 and pixels.shape[0] == layout.samples != pixels.shape[2]:
        pixels = np.moveaxis(pixels, 0, 2)
    grey = grey_of(pixels)
    if grey.shape != (layout.height, layout.width):
        raise InvalidImage(
            f"{grey.shape} pixels were decoded, not ({layout.height}, {layout.width}): the file is corrupt"
        )
    return grey.astype(grey.dtype.newbyteorder("="), copy=False)


def _palette_of(directory: Directory) -> Palette:
    """Tell a grey ramp (``257 i`` or ``256 i``) from any other palette, whose indices are the intensities."""
    colours = directory.integers(320).astype(np.int64)
    if colours.size % 3 or colours.size == 0:
        raise InvalidImage("a palette image without a palette of three colours (tag 320): the file is corrupt")
    red, green, blue = colours.reshape(3, -1)
    ramp = np.arange(red.size) * 256 // red.size
    is_grey = all(np.array_equal(channel >> 8, ramp) for channel in (red, green, blue))
    return Palette.GREY if is_grey else Palette.OTHER


def _bits_of(directory: Directory, layout: Layout, stored: Stored) -> int | None:
    """Bits per sample, or fewer where ``MaxSampleValue`` is a full scale of 9 to 15 bits, or pixels pile up at one."""
    if layout.kind == FLOAT:
        return None
    if layout.bits != 16:
        return layout.bits
    return tagged_bits(directory) or saturated_bits(stored)


def _scale_of(directory: Directory, layout: Layout, stored: Stored, bits: int | None) -> Scale:
    if layout.kind == FLOAT:
        scale = _float_scale(directory, stored)
    else:
        white = 2 ** max(8, bits or 0) - 1
        if stored.max() > white:
            raise InvalidImage(f"a pixel of {stored.max()} exceeds {white}, the full scale that tag 281 states")
        scale = Scale(black=0, white=white)
    return Scale(black=scale.white, white=scale.black) if layout.photometric == MIN_IS_WHITE else scale


def _float_scale(directory: Directory, stored: Stored) -> Scale:
    """``[0, 1]`` if that holds all pixels, else what the tags state, else the smallest usual full scale."""
    if not np.isfinite(stored).all():
        raise InvalidImage(f"{int((~np.isfinite(stored)).sum())} pixels are not finite: export without NaN")
    low, high = float(stored.min()), float(stored.max())
    if low >= 0 and high <= 1:
        return Scale(black=0, white=1)
    stated = [directory.numbers(code)[:1] for code in (340, 341)]
    if all(len(value) for value in stated):
        black, white = (float(value[0]) for value in stated)
        if not black <= low <= high <= white:
            raise InvalidImage(f"pixels lie in [{low:g}, {high:g}], outside the tags' [{black:g}, {white:g}]")
        return Scale(black=black, white=white)
    if low < 0:
        raise InvalidImage(f"negative pixels ({low:g}) have no black level: export as 8- or 16-bit unsigned")
    for white in _FLOAT_WHITES:
        if high <= white:
            return Scale(black=0, white=white)
    raise InvalidImage(f"a pixel of {high:g} exceeds 65535: state the scale in SMinSampleValue and SMaxSampleValue")
