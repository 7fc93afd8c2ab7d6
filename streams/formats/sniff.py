"""Is a file an image? Its first bytes say so; its name only decides how a file that is none is spoken of."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from streams.errors import InvalidImage

HEAD_BYTES = 512
"""How much of a file's beginning `kind_of` wants to see."""

IMAGE_SUFFIXES = frozenset(
    {".tif", ".tiff", ".sitif", ".btf", ".tf8", ".png", ".bmp", ".jpg", ".jpeg", ".jpe", ".jfif"}
)
UNFINISHED_SUFFIXES = frozenset({".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload"})
_BMP_HEADER_BYTES = frozenset({12, 40, 52, 56, 64, 108, 124})


class Format(StrEnum):
    """File formats that are read."""

    TIFF = "tiff"
    BIGTIFF = "bigtiff"
    PNG = "png"
    BMP = "bmp"
    JPEG = "jpeg"


@dataclass(frozen=True)
class NotAnImage:
    """A file to skip, and why."""

    reason: str


def sniff(head: bytes) -> Format | None:
    r"""Tell the format from a file's first bytes (18 are enough), never from its name.

    >>> sniff(b"II*\0\x08\0\0\0")
    <Format.TIFF: 'tiff'>
    >>> sniff(b"BMI of 27.") is None
    True
    """
    if head[:4] in (b"II*\0", b"MM\0*"):
        return Format.TIFF
    if head[:4] in (b"II+\0", b"MM\0+"):
        return Format.BIGTIFF
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return Format.PNG
    if head[:3] == b"\xff\xd8\xff":
        return Format.JPEG
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_BYTES:
        return Format.BMP
    return None


def kind_of(name: str, head: bytes, *, siblings: Collection[str] = ()) -> Format | NotAnImage:
    """Sort a file of a watched folder: an image of some format, or a file to skip with the reason.

    Parameters
    ----------
    name
        Name of the file, without its folder.
    head
        The first `HEAD_BYTES` of the file, or all of a shorter one.
    siblings
        Names in the same folder, to tell a sidecar from any other text.

    Raises
    ------
    InvalidImage
        If the file calls itself an image by its name and is none.

    Examples
    --------
    >>> kind_of("image000.txt", b"$CM_FORMAT 1", siblings=["image000.tif", "image000.txt"])
    NotAnImage(reason='sidecar of image000.tif')
    """
    suffix = PurePath(name).suffix.lower()
    if suffix in UNFINISHED_SUFFIXES:
        return NotAnImage(f"a file that is still being written ({suffix})")
    if name.startswith("._"):
        return NotAnImage("a macOS resource fork")
    if found := sniff(head):
        return found
    if suffix in IMAGE_SUFFIXES:
        raise InvalidImage(_broken(suffix, head))
    return NotAnImage(_why_skipped(name, head, siblings))


def _broken(suffix: str, head: bytes) -> str:
    if not head:
        return f"the file is empty although its name ends in {suffix}: copy it again from the instrument"
    if not any(head):
        return f"the name ends in {suffix} but the file begins with zeros: it was not written to its end; copy it again"
    return f"the name ends in {suffix} but the first bytes are those of no TIFF, PNG, BMP or JPEG file: {head[:8]!r}"


def _why_skipped(name: str, head: bytes, siblings: Collection[str]) -> str:
    stem = PurePath(name).stem.lower()
    for sibling in sorted(siblings):
        path = PurePath(sibling)
        if path.suffix.lower() in IMAGE_SUFFIXES and stem in (path.stem.lower(), path.name.lower()):
            return f"sidecar of {sibling}"
    if not head:
        return "an empty file"
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"<?xml", b"<")):
        return "an XML file"
    return "a text file" if _is_text(head) else "no TIFF, PNG, BMP or JPEG image"


def _is_text(head: bytes) -> bool:
    """UTF-16 by its mark, else no control characters but white space (so ANSI code pages count as text)."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    return not any(byte < 32 and byte not in b"\t\n\f\r\x1a" for byte in head)
