"""TIFF directories: tags as the file holds them, checked against the file's end, no pixel touched.

Tags keep their bytes and their byte order, so that `streams.formats.writing` can put them back unaltered.
Source: Adobe, *TIFF Revision 6.0* (1992), sections 2 and 8; BigTIFF as in libtiff's design document.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from streams.errors import InvalidImage
from streams.formats.limits import Limits

ByteOrder = Literal["<", ">"]

MAX_TAGS = 1024
MAX_TEXT_BYTES = 1024**2

TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 17: "i8", 18: "u8"}
_NUMBERS = _INTEGERS | {11: "f4", 12: "f8"}
_NAMES = {
    270: "ImageDescription",
    273: "StripOffsets",
    279: "StripByteCounts",
    320: "ColorMap",
    324: "TileOffsets",
    325: "TileByteCounts",
    34118: "Zeiss SmartSEM",
    34680: "Thermo Fisher",
    34682: "Thermo Fisher",
    34683: "Thermo Fisher",
    50431: "TESCAN",
    51023: "Fibics",
}


@dataclass(frozen=True)
class Tag:
    """One field of a directory: its type, and its value as the bytes in the file."""

    code: int
    type: int
    count: int
    value: memoryview
    order: ByteOrder

    def numbers(self) -> NDArray[Any]:
        """The values as an array; empty for text, rationals and untyped bytes."""
        kind = _NUMBERS.get(self.type)
        return np.frombuffer(self.value, np.dtype(f"{self.order}{kind}")) if kind else np.empty(0, np.uint8)


@dataclass(frozen=True)
class Directory:
    """The tags of one page, in the order of their codes."""

    offset: int
    order: ByteOrder
    big: bool
    tags: Mapping[int, Tag]

    def number(self, code: int, default: int) -> int:
        """First value of a tag, or what TIFF says a file without it means."""
        values = self.integers(code)
        return int(values[0]) if len(values) else default

    def integers(self, code: int) -> NDArray[np.integer]:
        """All values of a tag of whole numbers, empty where it is absent or of another type."""
        values = self.numbers(code)
        return values if np.issubdtype(values.dtype, np.integer) else np.empty(0, np.uint8)

    def numbers(self, code: int) -> NDArray[Any]:
        """All values of a tag, empty where it is absent."""
        tag = self.tags.get(code)
        return tag.numbers() if tag else np.empty(0, np.uint8)

    def text(self, code: int) -> bytes:
        """The first mebibyte of a tag, empty where it is absent."""
        tag = self.tags.get(code)
        return bytes(tag.value[:MAX_TEXT_BYTES]) if tag else b""


@dataclass(frozen=True)
class _Flavour:
    """Classic TIFF or BigTIFF, in one of two byte orders."""

    order: ByteOrder
    big: bool

    def unpack(self, data: memoryview, offset: int, classic: str, big: str) -> tuple[int, ...]:
        layout = self.order + (big if self.big else classic)
        if offset + struct.calcsize(layout) > len(data):
            raise InvalidImage(
                f"a directory at byte {offset} lies beyond the end of the file at byte {len(data)}: "
                "the file is truncated; copy it again"
            )
        return struct.unpack_from(layout, data, offset)


def directories(data: memoryview, limits: Limits) -> tuple[Directory, ...]:
    """Read the chain of directories.

    Raises
    ------
    InvalidImage
        If a directory or a tag's value lies beyond the end of the file, if the chain is a loop, empty, or longer than
        ``max_pages``.
    """
    flavour = _Flavour(order="<" if data[0] == ord("I") else ">", big=ord("+") in data[2:4])
    (offset,) = flavour.unpack(data, 8 if flavour.big else 4, "I", "Q")
    found: dict[int, Directory] = {}
    while offset:
        if offset in found:
            raise InvalidImage(f"the directory at byte {offset} is its own successor: the file is corrupt")
        if len(found) == limits.max_pages:
            raise InvalidImage(f"the file has more pages than max_pages = {limits.max_pages}")
        found[offset], offset = _directory(data, flavour, offset)
    if not found:
        raise InvalidImage("the TIFF file holds no image: it was not written to its end; copy it again")
    return tuple(found.values())


def subdirectory(data: memoryview, parent: Directory, code: int) -> Directory | None:
    """Read the directory that a tag points to, as EXIF's; ``None`` where the tag is absent, or points to none.

    What a pointer leads to is beside the image: where it is broken that is lost, and the image is not.
    """
    offset = parent.number(code, 0)
    if not offset:
        return None
    try:
        found, _ = _directory(data, _Flavour(order=parent.order, big=parent.big), offset)
    except InvalidImage:
        return None
    return found if found.tags else None


def _directory(data: memoryview, flavour: _Flavour, offset: int) -> tuple[Directory, int]:
    """Read one directory and the offset of the next, 0 after the last."""
    (count,) = flavour.unpack(data, offset, "H", "Q")
    start = offset + (8 if flavour.big else 2)
    entry_bytes = 20 if flavour.big else 12
    (following,) = flavour.unpack(data, start + count * entry_bytes, "I", "Q")
    if count > MAX_TAGS:
        raise InvalidImage(f"the directory at byte {offset} has {count} tags: the file is corrupt")
    read = [_tag(data, flavour, entry) for entry in range(start, start + count * entry_bytes, entry_bytes)]
    tags = {tag.code: tag for tag in reversed(read) if tag}
    if sum(len(tag.value) for tag in tags.values()) > len(data):
        raise InvalidImage(f"the tags of the directory at byte {offset} overlap: the file is corrupt")
    return Directory(offset=offset, order=flavour.order, big=flavour.big, tags=dict(sorted(tags.items()))), following


def _tag(data: memoryview, flavour: _Flavour, entry: int) -> Tag | None:
    """Read one field; ``None`` for a type that TIFF does not know, which readers are to skip."""
    code, kind, count = flavour.unpack(data, entry, "HHI", "HHQ")
    if kind not in TYPE_BYTES:
        return None
    size = TYPE_BYTES[kind] * count
    value = entry + (12 if flavour.big else 8)
    if size > (8 if flavour.big else 4):
        (value,) = flavour.unpack(data, value, "I", "Q")
    if value + size > len(data):
        name = f"tag {code} ({_NAMES[code]})" if code in _NAMES else f"tag {code}"
        raise InvalidImage(
            f"{name} lies beyond the end of the file: it wants bytes {value} to {value + size} of {len(data)}; "
            "the file is truncated or corrupt; copy it again"
        )
    return Tag(code=code, type=kind, count=count, value=data[value : value + size], order=flavour.order)
