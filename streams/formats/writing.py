"""Writing a result as the instrument would have: its dtype, its databar, its tags, another specimen.

The tags are written here rather than by tifffile, which cannot keep a maker's bytes, types and byte order as they were.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from schemas.frame import Frame
from schemas.image import Roi
from streams.errors import InvalidImage
from streams.formats.bits import MAX_SAMPLE_VALUE, saturated_bits, tagged_bits
from streams.formats.directory import ByteOrder, Directory, Tag, subdirectory
from streams.formats.limits import DEFAULT_LIMITS, Limits
from streams.formats.page import PagePixels, full_scale
from streams.formats.reading import opened
from streams.formats.tiff import FLOAT, MIN_IS_BLACK, MIN_IS_WHITE, PALETTE, UNSIGNED

SOFTWARE = b"semstream"

_ASCII, _SHORT, _LONG, _FLOAT, _LONG8 = 2, 3, 4, 11, 16
_NUMPY = {_SHORT: "u2", _LONG: "u4", _FLOAT: "f4", _LONG8: "u8"}
_STORAGE = frozenset({254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 288, 289, 292, 293, 297, 317})
_STORAGE |= {322, 323, 324, 325, 332, 333, 334, 336, 338, 339, 347, 529, 530, 531, 532, *range(512, 522)}
_EXIF, _GPS, _INTEROPERABILITY = 34665, 34853, 40965
_OF_THE_PAGE, _OF_OTHERS = (_EXIF, _GPS), {_EXIF: (_INTEROPERABILITY,)}
"""Tags of the page, and of a directory that a tag points to, that point to a directory. Thumbnails are left behind."""
_POINTERS = frozenset({330, _EXIF, _GPS, _INTEROPERABILITY})
_DESCRIPTION, _SOFTWARE, _COLOUR_MAP = 270, 305, 320
_STACK_DESCRIPTIONS = (b"ImageJ=", b"<?xml", b"<OME", b'{"shape"')
_CLASSIC_MAX_BYTES = 2**32 - 2**24


def stitched(
    original: bytes | memoryview,
    page: int,
    roi: Roi,
    selected: Frame,
    bits: int | None = None,
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> bytes:
    """Put a selected frame in the place of the specimen and write the page as a TIFF file of one page.

    The dtype and the scale are the source's, rounded to its levels; everything outside ``roi`` is as it was. Tags are
    kept byte for byte, those of the EXIF directory among them, besides those that tell how pixels are stored,
    thumbnails, the description of a stack, and ``Software``, to which this program is added. PNG, BMP and JPEG files
    and grey copies in colour become grey TIFF; pixels of 1, 2 and 4 bits become 8, of 9 to 15 bits become 16 with their
    full scale in tag 281. ``bits`` are those by which the specimen was read.

    Raises
    ------
    InvalidImage
        If the original cannot be read, or if the frame is not of the roi's size.
    """
    check_fit(selected, roi)
    source, _ = opened(original, limits)
    pixels = source.page(page, bits)
    result = replace(pixels, stored=pixels.stored.copy())
    result.crop(roi)[...] = pixels.scale.stored(selected.pixels, pixels.stored.dtype)
    return _file(result, memoryview(original), is_stack=source.page_count > 1)


def check_fit(selected: Frame, roi: Roi) -> None:
    """Refuse a frame of another size than its place; raises `InvalidImage`."""
    if selected.shape != (roi.height, roi.width):
        raise InvalidImage(f"a frame of {selected.shape} pixels does not fit a roi of {(roi.height, roi.width)}")


@dataclass(frozen=True)
class _Tags:
    """Makes tags of one byte order."""

    order: ByteOrder

    def numbers(self, code: int, kind: int, *values: float) -> Tag:
        array = np.array(values, np.dtype(f"{self.order}{_NUMPY[kind]}"))
        return Tag(code=code, type=kind, count=len(values), value=memoryview(array.tobytes()), order=self.order)

    def text(self, code: int, text: bytes) -> Tag:
        return Tag(code=code, type=_ASCII, count=len(text) + 1, value=memoryview(text + b"\0"), order=self.order)


def _file(pixels: PagePixels, original: memoryview, *, is_stack: bool) -> bytes:
    """Lay out the file. The directory comes last, so that a truncated copy is no TIFF rather than a darker image."""
    directory = pixels.directory
    order: ByteOrder = directory.order if directory else "<"
    big = (directory.big if directory else False) or pixels.stored.nbytes > _CLASSIC_MAX_BYTES
    header_bytes = 16 if big else 8
    tags = _kept(directory, is_stack=is_stack) | _storage(pixels, _Tags(order), header_bytes, big=big)
    strip = np.ascontiguousarray(pixels.stored, pixels.stored.dtype.newbyteorder(order)).tobytes()
    strip += b"\0" * (len(strip) % 2)
    layout = _Layout(order, big)
    beside, pointers = layout.subdirectories(original, directory, _OF_THE_PAGE, header_bytes + len(strip))
    last, offset = layout.directory(tags | pointers, header_bytes + len(strip) + len(beside))
    mark = b"II" if order == "<" else b"MM"
    header = struct.pack(f"{order}HHHQ", 43, 8, 0, offset) if big else struct.pack(f"{order}HI", 42, offset)
    return b"".join((mark, header, strip, beside, last))


@dataclass(frozen=True)
class _Layout:
    """Lays out directories in classic TIFF or BigTIFF, from any byte of a file on."""

    order: ByteOrder
    big: bool

    def directory(self, tags: Mapping[int, Tag], start: int) -> tuple[bytes, int]:
        """A directory behind the values too long for its entries, and the offset of the directory itself."""
        room, pointer, count = (8, "Q", "Q") if self.big else (4, "I", "H")
        values = bytearray()
        entries = [struct.pack(self.order + count, len(tags))]
        for tag in sorted(tags.values(), key=lambda tag: tag.code):
            entries.append(struct.pack(f"{self.order}HH{pointer}", tag.code, tag.type, tag.count))
            if len(tag.value) <= room:
                entries.append(bytes(tag.value).ljust(room, b"\0"))
            else:
                entries.append(struct.pack(self.order + pointer, start + len(values)))
                values += tag.value
                values += b"\0" * (len(values) % 2)
        return b"".join((values, *entries, struct.pack(self.order + pointer, 0))), start + len(values)

    def subdirectories(
        self, original: memoryview, parent: Directory | None, codes: Sequence[int], start: int
    ) -> tuple[bytes, dict[int, Tag]]:
        """The directories that these of a directory's tags point to, laid out, and the tags that then point there."""
        laid: bytes = b""
        pointers: dict[int, Tag] = {}
        for code in codes:
            child = subdirectory(original, parent, code) if parent else None
            if child is None:
                continue
            inner, tags = self.subdirectories(original, child, _OF_OTHERS.get(code, ()), start + len(laid))
            tags |= {tag.code: tag for tag in child.tags.values() if tag.code not in _POINTERS}
            own, offset = self.directory(tags, start + len(laid) + len(inner))
            laid += inner + own
            pointers[code] = _Tags(self.order).numbers(code, _LONG8 if self.big else _LONG, offset)
        return laid, pointers


def _kept(directory: Directory | None, *, is_stack: bool) -> dict[int, Tag]:
    """The source's tags, without those that tell of its storage, its other directories or its other pages."""
    if directory is None:
        return {}
    tags = {code: tag for code, tag in directory.tags.items() if code not in _STORAGE | _POINTERS}
    if is_stack and directory.text(_DESCRIPTION).startswith(_STACK_DESCRIPTIONS):
        del tags[_DESCRIPTION]
    if not _keeps_palette(directory):
        tags.pop(_COLOUR_MAP, None)
    return tags


def _keeps_palette(directory: Directory) -> bool:
    return directory.number(262, MIN_IS_BLACK) == PALETTE and directory.number(258, 1) in (8, 16)


def _storage(pixels: PagePixels, tags: _Tags, strip_offset: int, *, big: bool) -> dict[int, Tag]:
    """The tags that tell how the pixels are stored: one strip, uncompressed, for noise grows under LZW."""
    height, width = pixels.stored.shape
    long = _LONG8 if big else _LONG
    is_float = pixels.stored.dtype.kind == "f"
    made = [
        tags.numbers(256, _LONG, width),
        tags.numbers(257, _LONG, height),
        tags.numbers(258, _SHORT, pixels.stored.dtype.itemsize * 8),
        tags.numbers(259, _SHORT, 1),
        tags.numbers(262, _SHORT, _photometric(pixels)),
        tags.numbers(273, long, strip_offset),
        tags.numbers(277, _SHORT, 1),
        tags.numbers(278, _LONG, height),
        tags.numbers(279, long, pixels.stored.nbytes),
        tags.numbers(284, _SHORT, 1),
        tags.text(_SOFTWARE, _software(pixels.directory)),
        tags.numbers(339, _SHORT, FLOAT if is_float else UNSIGNED),
    ]
    return {tag.code: tag for tag in [*made, *_scale_tags(pixels, tags)]}


def _photometric(pixels: PagePixels) -> int:
    if pixels.directory and _keeps_palette(pixels.directory):
        return PALETTE
    return MIN_IS_WHITE if pixels.scale.white < pixels.scale.black else MIN_IS_BLACK


def _scale_tags(pixels: PagePixels, tags: _Tags) -> list[Tag]:
    """State a full scale that the dtype does not imply, so that the result is read on the source's scale."""
    low, high = sorted((pixels.scale.black, pixels.scale.white))
    if high == full_scale(pixels.stored.dtype) and not _shows_other_bits(pixels):
        return []
    if pixels.stored.dtype.kind == "f":
        return [tags.numbers(340, _FLOAT, low), tags.numbers(341, _FLOAT, high)]
    return [tags.numbers(MAX_SAMPLE_VALUE, _SHORT, int(high))]


def _shows_other_bits(pixels: PagePixels) -> bool:
    """Whether the source's tag 281, which is kept, or its white would have the result read by another scale."""
    if pixels.stored.dtype != np.uint16:
        return False
    tagged = tagged_bits(pixels.directory) if pixels.directory else None
    return (tagged or saturated_bits(pixels.stored)) != pixels.effective_bits


def _software(directory: Directory | None) -> bytes:
    source = directory.text(_SOFTWARE).rstrip(b"\0 ") if directory else b""
    if SOFTWARE in source:
        return source
    return b"; ".join((source, SOFTWARE)) if source else SOFTWARE
