"""Where the databar is: the strip of text under, or over, the specimen that every maker writes in its own way.

Left in, it changes an image's standard deviation by up to +349 % and a noise estimate by up to -30 %.
"""

import numpy as np

from schemas.image import DatabarMode, Roi
from schemas.model import Record
from streams.formats import vendor
from streams.formats.page import PagePixels, Scale, Stored

MIN_ROWS = 8
MIN_WIDTH = 64
"""Narrower images hold no text."""
BAR_SHARE = 0.45
"""Share of a bar's row that its commonest grey level owns: 0.56 to 1 in bars, 0.02 to 0.17 in specimens."""
SPECIMEN_SHARE = 0.30
"""The median of the 3 and of the 10 rows above a bar has no more: a bar has a sharp edge, a shadow fades."""
ROWS_ABOVE = (3, 10)
MISSES = 2
"""Rows of a bar that may look otherwise: a ruler, a line of text."""


class Databar(Record):
    """What of a page is specimen, how the databar stands in it, and which rule told."""

    valid_roi: Roi
    mode: DatabarMode
    source: str


def databar_of(page: PagePixels) -> Databar:
    """Tell specimen from databar: what the maker's tags say, else what the pixels say."""
    height, width = page.stored.shape
    told = vendor.databar_rows(page.directory, height) if page.directory else None
    if told:
        rows, source = told
        mode = DatabarMode.APPENDED
    else:
        rows, source = bar_rows(page.stored, page.scale), "pixels"
        mode = _mode_from_shape(page, rows)
    return Databar(
        valid_roi=Roi(x=0, y=0, width=width, height=height - rows),
        mode=mode if rows else DatabarMode.NONE,
        source=source,
    )


def bar_rows(stored: Stored, scale: Scale) -> int:
    """Height of the databar at the bottom of a page, 0 if there is none.

    Rows of one background level from the bottom up, 8 of them to a quarter of the image, below rows that have none.
    Text and lines burned over the specimen are not found.

    Examples
    --------
    >>> image = np.random.default_rng(0).integers(0, 255, (256, 256), np.uint8)
    >>> image[-20:] = 0
    >>> bar_rows(image, Scale(black=0, white=255))
    20
    """
    height, width = stored.shape
    tallest = height // 4
    if width < MIN_WIDTH or tallest < MIN_ROWS:
        return 0
    rows = misses = 0
    for row in range(min(tallest + MISSES + 1, height)):
        if _background_share(stored[height - 1 - row], scale) >= BAR_SHARE:
            rows = row + 1
        elif (misses := misses + 1) > MISSES:
            break
    if not MIN_ROWS <= rows <= tallest:
        return 0
    above = [_background_share(line, scale) for line in stored[: height - rows][: -max(ROWS_ABOVE) - 1 : -1]]
    is_sharp = all(np.median(above[:count]) <= SPECIMEN_SHARE for count in ROWS_ABOVE)
    return rows if is_sharp else 0


def _background_share(row: Stored, scale: Scale) -> float:
    """Share of the commonest of 256 levels of the full scale, in which the thresholds above were measured."""
    levels = row if row.dtype == np.uint8 else np.rint(scale.intensity(row) * 255).astype(np.uint8)
    return float(np.bincount(levels).max() / row.size)


def _mode_from_shape(page: PagePixels, rows: int) -> DatabarMode:
    """Zeiss writes over the specimen; elsewhere a field that is 4:3 or 3:2 without its bar had it appended."""
    height, width = page.stored.shape
    if page.directory and vendor.ZEISS in page.directory.tags:
        return DatabarMode.OVERWRITTEN
    if width * 3 == (height - rows) * 4 or width * 2 == (height - rows) * 3:
        return DatabarMode.APPENDED
    return DatabarMode.UNKNOWN
