"""What the tags of instrument makers say about a page, by plain search: no XML is parsed, so no entity is resolved.

Source of the keys: files of the makers (Thermo Fisher xT, Zeiss SmartSEM and Atlas, TESCAN Essence, Phenom,
OpenFIBSEM).
"""

import math
import re

from streams.formats.directory import Directory

DESCRIPTION, ZEISS, THERMO_FISHER, THERMO_FISHER_XML, TESCAN, FIBICS = 270, 34118, 34682, 34683, 50431, 51023

_NM = {b"pm": 1e-3, b"nm": 1.0, b"um": 1e3, b"\xb5m": 1e3, b"mm": 1e6, b"m": 1e9}
_VALUE = rb"(?P<value>\d{1,12}(?:\.\d{1,20})?(?:[eE][-+]?\d{1,3})?)"
_PIXEL_SIZES = (
    (THERMO_FISHER, rb"\bPixelWidth=" + _VALUE, b"m"),
    # AP_PIXEL_SIZE is that of the screen: off by 2 wherever the image is larger than the screen.
    (ZEISS, rb"\bAP_IMAGE_PIXEL_SIZE\s+[^=]{0,80}=\s*" + _VALUE + rb"\s*(?P<unit>\S+)", b"nm"),
    (TESCAN, rb"\bPixelSizeX=" + _VALUE, b"m"),
    (FIBICS, rb"<Ux>\s*" + _VALUE, b"um"),
    (THERMO_FISHER_XML, rb'<pixelWidth unit="(?P<unit>\w+)">\s*' + _VALUE, b"m"),
    (DESCRIPTION, rb'"pixel_size":\s*\{\s*"x":\s*' + _VALUE, b"m"),
)


def databar_rows(directory: Directory, height: int) -> tuple[int, str] | None:
    """Rows of databar under the specimen, and the tag that told; ``None`` where no tag says so believably.

    Thermo Fisher states the image's own height; its ``DatabarHeight`` is 0 in files that carry 68 and 70 rows. A value
    that is negative or more than a quarter of the page contradicts the file and is not believed.
    """
    specimen_rows = _integer(directory, THERMO_FISHER, rb"\[Image\][^\[]*?\bResolutionY=(\d{1,9})\b")
    readings = (
        (None if specimen_rows is None else height - specimen_rows, "tag 34682 ResolutionY"),
        (_integer(directory, TESCAN, rb"\bImageStripSize=(\d{1,9})\b"), "tag 50431 ImageStripSize"),
        (_integer(directory, THERMO_FISHER_XML, rb"<databarHeight>\s*(\d{1,9})\b"), "tag 34683 databarHeight"),
    )
    for rows, source in readings:
        if rows is not None and 0 <= rows <= height // 4:
            return rows, source
    return None


def pixel_size_nm(directory: Directory) -> float | None:
    """Width of a pixel in nm; ``None`` where the tags are silent or say nonsense."""
    for code, pattern, default_unit in _PIXEL_SIZES:
        found = re.search(pattern, directory.text(code))
        if found is None:
            continue
        unit = found.groupdict().get("unit") or default_unit
        size_nm = float(found["value"]) * _NM.get(unit, math.nan)
        if 0 < size_nm < 1e6:
            return size_nm
    return None


def _integer(directory: Directory, code: int, pattern: bytes) -> int | None:
    found = re.search(pattern, directory.text(code))
    return int(found[1]) if found else None
