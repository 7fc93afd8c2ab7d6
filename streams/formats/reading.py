"""Reading an image file: what it is, the pixels it stores, and the specimen in them.

Nothing is decoded before its header is checked against `Limits`. Files of strangers belong in a
`streams.formats.sandbox.Decoder`, which offers the same calls.
"""

from typing import Protocol

from schemas.frame import Frame, NotAFrame
from schemas.image import DatabarMode, Palette, Roi
from schemas.model import Record
from streams.errors import InvalidImage
from streams.formats import vendor
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

    def page(self, number: int) -> PagePixels:
        """Decode one page; raises `InvalidImage`."""


def describe(data: bytes | memoryview, *, limits: Limits = DEFAULT_LIMITS) -> Description:
    """Read a file to its end and say what it is; raises `InvalidImage` with the reason."""
    source, format_ = opened(data, limits)
    return Description(format=format_, pages=tuple(_described(source.page(n)) for n in range(source.page_count)))


def read_page(data: bytes | memoryview, page: int, *, limits: Limits = DEFAULT_LIMITS) -> PagePixels:
    """Decode one page as it is stored; raises `InvalidImage`."""
    source, _ = opened(data, limits)
    return source.page(page)


def specimen(
    data: bytes | memoryview, page: int, roi: Roi, bits: int | None = None, *, limits: Limits = DEFAULT_LIMITS
) -> Frame:
    """Decode the specimen of one page: the pixels of ``roi`` in ``[0, 1]`` of the file's own scale.

    ``roi`` is the page's ``valid_roi`` as `describe` found it, or as somebody pinned it; ``bits`` are those of another
    frame of the same field, whose scale 16-bit levels shall have (`PagePixels.scale_of`). Raises `InvalidImage`.
    """
    pixels = read_page(data, page, limits=limits)
    return framed(pixels.crop(roi), pixels.scale_of(bits))


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


def _described(pixels: PagePixels) -> PageDescription:
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
