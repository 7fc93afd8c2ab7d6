import io
import struct

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from streams.formats.contiguous import contiguous_pixels
from streams.formats.directory import directories
from streams.formats.limits import Limits
from streams.formats.page import Stored

LEVELS = np.random.default_rng(3).integers(0, 255, (40, 30)).astype(np.uint8)


def tiff(pixels: NDArray[np.generic], **options: object) -> bytes:
    file = io.BytesIO()
    byteorder = options.pop("byteorder", "<")
    with tifffile.TiffWriter(file, byteorder=byteorder, bigtiff=bool(options.pop("bigtiff", False))) as writer:  # type: ignore[arg-type]
        writer.write(pixels, **({"photometric": "minisblack", "metadata": None} | options))  # type: ignore[arg-type]
    return file.getvalue()


def pixels_of(data: bytes) -> Stored | None:
    return contiguous_pixels(memoryview(data), directories(memoryview(data), Limits())[0])


def patched(data: bytes, code: int, change: int, *, nth: int = 0) -> bytes:
    """Add to one value of a tag, where it stands in the file."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tag = file.pages[0].tags[code]  # type: ignore[union-attr]
        layout = f"<{tag.count}{'H' if tag.dtype == 3 else 'I'}"
        values = list(struct.unpack_from(layout, data, tag.valueoffset))
    values[nth] += change
    return data[: tag.valueoffset] + struct.pack(layout, *values) + data[tag.valueoffset + struct.calcsize(layout) :]


def with_tag(code: int, value: int) -> bytes:
    """A plain page with one more tag, which tifffile would not write."""
    data = tiff(LEVELS, extratags=[(65000, 3, 1, value, True)])
    return data.replace(struct.pack("<HH", 65000, 3), struct.pack("<HH", code, 3))


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize(
    "options", [{}, {"byteorder": ">"}, {"bigtiff": True}, {"rowsperstrip": 7}, {"rowsperstrip": 40}]
)
def test_a_plain_page_is_read_as_tifffile_reads_it(dtype: str, options: dict[str, object]) -> None:
    data = tiff(LEVELS.astype(dtype) * (3 if dtype == "u2" else 1), **options)
    found = pixels_of(data)
    assert found is not None
    expected = tifffile.imread(io.BytesIO(data))
    assert np.array_equal(found, expected)
    assert found.dtype == expected.dtype.newbyteorder(options.get("byteorder", "<"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data",
    [
        tiff(LEVELS, compression="zlib"),
        tiff(LEVELS, tile=(16, 16)),
        tiff(LEVELS > 99),
        tiff(LEVELS.astype(np.float64)),
        tiff(LEVELS.astype(np.int16)),
        tiff(np.stack([LEVELS] * 3, axis=-1), photometric="rgb"),
        with_tag(266, 2),
        with_tag(317, 2),
        patched(tiff(LEVELS, rowsperstrip=10), 273, 1, nth=2),
        patched(tiff(LEVELS, rowsperstrip=10), 279, 1, nth=3),
        patched(patched(tiff(LEVELS, rowsperstrip=10), 279, 1, nth=0), 279, -1, nth=1),
        patched(tiff(LEVELS), 279, 8),
    ],
    ids=[
        "compressed", "tiles", "bits", "double", "signed", "colour", "reversed bits", "predicted",
        "a gap", "a longer strip", "uneven strips", "more than the page",
    ],
)  # fmt: skip
def test_any_other_page_is_left_to_tifffile(data: bytes) -> None:
    assert pixels_of(data) is None
