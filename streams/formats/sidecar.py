"""What the text file beside an image says of it, where a maker keeps nothing in the image itself (JEOL, Hitachi).

One number is taken out and nothing else: sidecars hold names of operators and paths as well, and no path in them is
followed. It informs people; no stage reads it, so it is no part of an image's version.
"""

import re
from collections.abc import Iterable
from pathlib import PurePath

from streams.formats.reading import Description

SUFFIXES = frozenset({".txt", ".hdr"})
MAX_BYTES = 256 * 1024
"""Sidecars have 300 bytes to 7 kB."""

_NM = {b"nm": 1.0, b"um": 1e3, b"\xb5m": 1e3, b"\xc2\xb5m": 1e3, b"\xce\xbcm": 1e3, b"mm": 1e6}
_VALUE = rb"(\d{1,9}(?:\.\d{1,20})?(?:[eE][-+]?\d{1,3})?)"
_JEOL_MARKER = re.compile(rb"^\$+SM_MICRON_MARKER\s+" + _VALUE + rb"\s*(\S{2,3})\s*$", re.MULTILINE)
_JEOL_BAR = re.compile(rb"^\$+SM_MICRON_BAR\s+" + _VALUE + rb"\s*$", re.MULTILINE)
_JEOL_SIZE = re.compile(rb"^\$+CM_FULL_SIZE\s+(\d{1,9})\s", re.MULTILINE)
_HITACHI_PIXEL = re.compile(rb"^\[SemImageFile\][^\[]*?^PixelSize=\s*" + _VALUE + rb"\s*$", re.MULTILINE | re.DOTALL)
_HITACHI_SIZE = re.compile(rb"^DataSize=\s*(\d{1,9})x", re.MULTILINE)
_TESCAN_PIXEL = re.compile(rb"^PixelSizeX=\s*" + _VALUE + rb"\s*$", re.MULTILINE)


def may_be_sidecar(name: str) -> bool:
    """Whether a name beside an image's is one that a maker gives to what it has to say of the image.

    >>> may_be_sidecar("image000.TXT"), may_be_sidecar("image000.tif")
    (True, False)
    """
    return PurePath(name).suffix.lower() in SUFFIXES


def completed(description: Description, sidecars: Iterable[bytes]) -> Description:
    """Add the pixel size that the sidecars tell to pages whose own tags are silent; they are read only then."""
    if all(page.pixel_size_nm is not None for page in description.pages):
        return description
    texts = [_plain(text) for text in sidecars]
    pages = tuple(
        page
        if page.pixel_size_nm is not None
        else page.but(pixel_size_nm=next(filter(None, (pixel_size_nm(text, width=page.width) for text in texts)), None))
        for page in description.pages
    )
    return description.but(pages=pages)


def pixel_size_nm(text: bytes, *, width: int) -> float | None:
    r"""Width of a pixel, in nm, of an image so many pixels wide; ``None`` where the text is silent or contradicts it.

    JEOL tells how many pixels its marker is long, to half a pixel (0.5 to 1 %), in the image as it was acquired; the
    file may hold it at half the size. Magnifications are not believed: what 1x means differs by 6 % between models.

    >>> pixel_size_nm(b"$$SM_MICRON_BAR 100\r\n$$SM_MICRON_MARKER 10um\r\n$CM_FULL_SIZE 1280 960\r\n", width=640)
    200.0
    """
    found = _jeol(text) or _number(_HITACHI_PIXEL, text, 1.0) or _number(_TESCAN_PIXEL, text, 1e9)
    stated = _JEOL_SIZE.search(text) or _HITACHI_SIZE.search(text)
    shrunk = _shrunk(int(stated[1]), width) if stated else 1.0
    if found is None or shrunk is None or not 0 < found * shrunk < 1e6:
        return None
    return found * shrunk


def _jeol(text: bytes) -> float | None:
    marker, bar_px = _JEOL_MARKER.search(text), _number(_JEOL_BAR, text, 1.0)
    if marker is None or not bar_px or marker[2] not in _NM:
        return None
    return float(marker[1]) * _NM[marker[2]] / bar_px


def _number(pattern: re.Pattern[bytes], text: bytes, unit: float) -> float | None:
    found = pattern.search(text)
    return float(found[1]) * unit if found else None


def _shrunk(acquired: int, width: int) -> float | None:
    """How many acquired pixels make one of the file; ``None`` where it is no whole multiple or share: another image."""
    if width and acquired and (acquired % width == 0 or width % acquired == 0):
        return acquired / width
    return None


def _plain(text: bytes) -> bytes:
    """One byte a character: Hitachi writes UTF-16 on some systems."""
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return text.decode("utf-16", "replace").encode("latin-1", "replace")
    return text
