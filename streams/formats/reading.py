"""Reading an image file: what it is, the pixels it stores, and the specimen in them.

Nothing is decoded before its header is checked against `Limits`. Files of strangers belong in a
`streams.formats.sandbox.Decoder`, which offers the same calls.
"""

from typing import Protocol

import numpy as np

from schemas.frame import Frame, NotAFrame
from schemas.image import DatabarMode, Palette, Roi
from schemas.model import Record
from streams.errors import InvalidImage
from streams.formats import vendor
from streams.formats.bits import fitting
from streams.formats.databar import databar_of
from streams.formats.limits import DEFAULT_LIMITS, Limits
from streams.formats.page import PagePixels, Scale, Stored
from streams.formats.raster import RasterSource
from streams.formats.sniff import Format, sniff
from streams.formats.tiff import TiffSource

READER = "semstream-2"
"""Name and version of this reader. Raise the number whenever the same bytes would give other pixels or another roi."""


class PageDescription(Record):
    """What one page is. ``None`` means that the file is silent."""

    width: int
    height: int
    dtype: str
    samples: int
    effective_bits: int | None
    palette: Palette
    valid_roi: Roi
    databar_mode: DatabarMode
    databar_source: str
    pixel_size_nm: float | None


class Description(Record):
    """What a file is, page by page; every page was decoded to its end."""

    format: Format
    reader: str = READER
    pages: tuple[PageDescription, ...]

    @property
    def page_count(self) -> int:
        """Images in the file; thumbnails and previews are none."""
        return len(self.pages)


class Source(Protocol):
    """A file whose header was read and checked."""

    @property
    def page_count(self) -> int:
        """Images in the file."""

    def page(self, number: int, bits: int | None = None) -> PagePixels:
        """Decode one page, its 16-bit levels by the bits if they fit (`bits.fitting`); raises `InvalidImage`."""


def describe(data: bytes | memoryview, *, bits: int | None = None, limits: Limits = DEFAULT_LIMITS) -> Description:
    """Read a file to its end and say what it is; raises `InvalidImage` with the reason.

    ``bits``, 9 to 16, are those of its detector, whatever the file states or shows: a 16-bit page with a level above
    their full scale is invalid. Pages of other types have none but their own.
    """
    source, format_ = opened(data, limits)
    pages = (source.page(number, bits) for number in range(source.page_count))
    return Description(format=format_, pages=tuple(_described(page, bits) for page in pages))


def read_page(
    data: bytes | memoryview, page: int, bits: int | None = None, *, limits: Limits = DEFAULT_LIMITS
) -> PagePixels:
    """Decode one page as it is stored, its 16-bit levels by the bits if they fit; raises `InvalidImage`."""
    source, _ = opened(data, limits)
    return source.page(page, bits)


def specimen(
    data: bytes | memoryview, page: int, roi: Roi, bits: int | None = None, *, limits: Limits = DEFAULT_LIMITS
) -> Frame:
    """Decode the specimen of one page: the pixels of ``roi`` in ``[0, 1]`` of the file's own scale.

    ``roi`` is the page's ``valid_roi`` as `describe` found it, or as somebody pinned it; ``bits`` are those that
    `describe` found, of this frame or of another one of the same field: 16-bit levels are read by them, and by the
    file's own where one exceeds them. Raises `InvalidImage`.
    """
    pixels = read_page(data, page, bits, limits=limits)
    return framed(pixels.crop(roi), pixels.scale)


def framed(stored: Stored, scale: Scale) -> Frame:
    """Make a frame of stored levels; raises `InvalidImage`."""
    try:
        return Frame(scale.intensity(stored))
    except NotAFrame as error:
        raise InvalidImage(f"the pixels make no frame: {error}") from error


def opened(data: bytes | memoryview, limits: Limits) -> tuple[Source, Format]:
    """Check a file's header and make it ready for decoding page by page; raises `InvalidImage`."""
    view = memoryview(data)
    limits.check_file(len(view))
    match sniff(bytes(view[:64])):
        case None:
            raise InvalidImage("the first bytes are those of no TIFF, PNG, BMP or JPEG file")
        case (Format.TIFF | Format.BIGTIFF) as kind:
            return TiffSource(view, limits), kind
        case kind:
            return RasterSource(view, kind, limits), kind


def _described(pixels: PagePixels, bits: int | None) -> PageDescription:
    _check_levels(pixels.stored, bits)
    databar = databar_of(pixels)
    height, width = pixels.stored.shape
    return PageDescription(
        width=width,
        height=height,
        dtype=pixels.stored.dtype.name,
        samples=pixels.samples,
        effective_bits=pixels.effective_bits,
        palette=pixels.palette,
        valid_roi=databar.valid_roi,
        databar_mode=databar.mode,
        databar_source=databar.source,
        pixel_size_nm=vendor.pixel_size_nm(pixels.directory) if pixels.directory else None,
    )


def _check_levels(stored: Stored, bits: int | None) -> None:
    """Refuse 16-bit levels that the detector cannot have written; raises `InvalidImage`."""
    if bits is not None and stored.dtype == np.uint16 and fitting(stored, bits) is None:
        raise InvalidImage(
            f"a pixel of {stored.max()} exceeds {2**bits - 1}, the full scale of --bits {bits}: "
            "give the bits that the detector has, or leave --bits out"
        )
