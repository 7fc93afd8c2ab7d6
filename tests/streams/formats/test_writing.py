import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from schemas.frame import Frame
from schemas.image import Roi
from streams.errors import InvalidImage
from streams.formats.reading import describe, read_page, specimen
from streams.formats.writing import stitched
from tests.hostile import blocks
from tests.hostile.blocks import encoded, scene, tiff
from tests.hostile.corpus import CORPUS, Hostile, Verdict

ROI = Roi(x=8, y=4, width=100, height=70)
INSIDE = np.s_[4:74, 8:108]


def outside(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    masked = pixels.copy()
    masked[INSIDE] = 0
    return masked


def inverted(frame: Frame) -> Frame:
    return Frame(np.float32(1) - frame.pixels)


SOURCES: dict[str, Callable[[], bytes]] = {
    "8 bits": lambda: tiff(scene()),
    "16 bits": lambda: tiff(scene().astype(np.uint16) * 257),
    "12 bits in 16": lambda: tiff(scene().astype(np.uint16) * 16, extratags=[(281, "H", 1, 4095, True)]),
    "floats to 1": lambda: tiff(scene().astype(np.float32) / 255),
    "floats to 4095": lambda: tiff(scene().astype(np.float32) * 15),
    "floats from -400": lambda: tiff(scene().astype(np.float32) - 300, extratags=blocks.float_scale(-400, 100)),
    "white is zero": lambda: tiff(scene(), photometric="miniswhite"),
    "palette": lambda: blocks.palette(stretch=4),
    "big-endian": lambda: tiff(scene().astype(np.uint16) * 257, byteorder=">"),
    "bigtiff": lambda: tiff(scene(), bigtiff=True),
    "tiles": lambda: tiff(scene(), tile=(32, 48), compression="zlib"),
    "rgb": lambda: tiff(np.dstack([scene()] * 3), photometric="rgb"),
    "png": lambda: encoded(".png", scene().astype(np.uint16) * 257),
    "bmp": lambda: encoded(".bmp", scene()),
    "jpeg": lambda: encoded(".jpg", np.dstack([scene()] * 3)),
}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> bytes:
    return SOURCES[request.param]()


def test_outside_the_roi_every_pixel_is_the_original_s(source: bytes) -> None:
    result = read_page(stitched(source, 0, ROI, inverted(specimen(source, 0, ROI))), 0)
    original = read_page(source, 0)
    assert result.stored.dtype == original.stored.dtype
    np.testing.assert_array_equal(outside(result.stored), outside(original.stored))
    assert not np.array_equal(result.stored, original.stored)


def test_inside_the_roi_is_the_selected_frame_to_half_a_level(source: bytes) -> None:
    selected = inverted(specimen(source, 0, ROI))
    result = specimen(stitched(source, 0, ROI, selected), 0, ROI)
    scale = read_page(source, 0).scale
    half_a_level = 0.5 / abs(scale.white - scale.black) if read_page(source, 0).stored.dtype.kind == "u" else 0
    np.testing.assert_allclose(result.pixels, selected.pixels, atol=half_a_level + 1e-6)


def test_a_raw_frame_gives_the_original_pixels(source: bytes) -> None:
    result = read_page(stitched(source, 0, ROI, specimen(source, 0, ROI)), 0).stored
    np.testing.assert_allclose(result, read_page(source, 0).stored, rtol=1e-6, atol=1e-4)


def test_a_result_is_a_tiff_that_others_read(source: bytes) -> None:
    result = stitched(source, 0, ROI, specimen(source, 0, ROI))
    with tifffile.TiffFile(BytesIO(result)) as file:
        np.testing.assert_array_equal(file.asarray(), read_page(result, 0).stored)


def test_a_result_is_never_taken_for_less_than_it_is_when_it_is_cut(source: bytes) -> None:
    result = stitched(source, 0, ROI, specimen(source, 0, ROI))
    for kept in (0.1, 0.5, 0.9, 0.99):
        with pytest.raises(InvalidImage):
            describe(result[: int(len(result) * kept)])


def test_tags_are_kept_byte_for_byte() -> None:
    text = b"AP_WD\r\nWD = 5.0 mm\r\n" + bytes(range(128, 256))
    kept = [
        (34118, "s", 0, text, True),
        (50431, "B", 300, bytes(range(256)) + bytes(44), True),
        (306, "s", 0, b"2024:01:02 03:04:05", True),
        (65000, "d", 2, (1.5, -2.5), True),
        (65001, "H", 3, (1, 2, 3), True),
    ]
    for order in "<>":
        source = tiff(scene(), extratags=kept, description="1 as cast", resolution=(254, 254), byteorder=order)
        before, after = tags(source), tags(stitched(source, 0, ROI, specimen(source, 0, ROI)))
        for code in (270, 282, 283, 296, 306, 34118, 50431, 65000, 65001):
            assert after[code] == before[code], code


@pytest.mark.parametrize("big", [False, True], ids=["tiff", "bigtiff"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_exif_directory_is_kept_with_what_it_points_to(order: str, big: bool) -> None:
    source = with_exif(order, big=big)
    result = stitched(source, 0, ROI, specimen(source, 0, ROI))
    before, kept = exif(source), exif(result)
    assert (kept["ImageUniqueID"], kept["MakerNote"]) == ("9C7D5CB77F80075E", bytes(range(40)))
    assert (kept["ExposureTime"], kept["PixelXDimension"]) == ((3, 7), 128)
    for file, found in ((source, before), (result, kept)):
        assert file[found.pop("InteroperabilityTag") :].startswith(directory(BELOW, order, 0, big=big))
    assert kept == before


@pytest.mark.parametrize("offset", [1, 6, 10**7], ids=["odd", "in the header", "beyond the end"])
def test_a_pointer_to_no_directory_costs_the_directory_and_not_the_image(offset: int) -> None:
    source = pointing("<", offset)
    result = stitched(source, 0, ROI, specimen(source, 0, ROI))
    assert 34665 not in tags(result)
    np.testing.assert_array_equal(read_page(result, 0).stored, scene())


def test_a_directory_that_points_to_itself_is_copied_once() -> None:
    with tifffile.TiffFile(BytesIO(pointing("<", 8))) as file:
        source = pointing("<", file.pages.first.offset)
    result = stitched(source, 0, ROI, specimen(source, 0, ROI))
    assert len(result) < 2 * len(source)
    np.testing.assert_array_equal(read_page(result, 0).stored, scene())


BELOW = [(1, 2, 4, b"R98\0")]
"""An interoperability directory: all its values fit into its entries, so it reads the same wherever it stands."""


def with_exif(order: str, *, big: bool) -> bytes:
    """A file with an EXIF directory behind its end, and an interoperability directory behind that."""
    plain = pointing(order, 0, big=big)
    exif_at = len(plain) + len(plain) % 2
    entries = [
        (33434, 5, 1, struct.pack(f"{order}II", 3, 7)),
        (37500, 7, 40, bytes(range(40))),
        (40962, 3, 1, struct.pack(f"{order}H", 128)),
        (40965, 4, 1, b"\0\0\0\0"),
        (42016, 2, 17, b"9C7D5CB77F80075E\0"),
    ]
    below_at = exif_at + len(directory(entries, order, exif_at, big=big))
    entries[3] = (40965, 4, 1, struct.pack(f"{order}I", below_at))
    below = directory(BELOW, order, below_at, big=big)
    pointed = pointing(order, exif_at, big=big)
    return pointed.ljust(exif_at, b"\0") + directory(entries, order, exif_at, big=big) + below


def pointing(order: str, offset: int, *, big: bool = False) -> bytes:
    """A file whose tag 34665 points to a byte; tifffile writes no such tag, so its neighbour is renamed."""
    file = tiff(scene(), byteorder=order, bigtiff=big, extratags=[(34664, 16 if big else 4, 1, offset, True)])
    with tifffile.TiffFile(BytesIO(file)) as opened:
        place = opened.pages.first.tags[34664].offset
    return file[:place] + struct.pack(f"{order}H", 34665) + file[place + 2 :]


def directory(entries: list[tuple[int, int, int, bytes]], order: str, start: int, *, big: bool) -> bytes:
    """A TIFF directory and the values that do not fit into it, as they stand from byte ``start`` on."""
    count, head, room, offset = ("Q", "HHQ", 8, "Q") if big else ("H", "HHI", 4, "I")
    packed, values = struct.pack(order + count, len(entries)), b""
    values_at = start + len(packed) + len(entries) * (20 if big else 12) + room
    for code, kind, number, value in entries:
        packed += struct.pack(order + head, code, kind, number)
        if len(value) <= room:
            packed += value.ljust(room, b"\0")
        else:
            packed += struct.pack(order + offset, values_at + len(values))
            values += value + b"\0" * (len(value) % 2)
    return packed + b"\0" * room + values


def exif(data: bytes) -> dict[str, Any]:
    """What tifffile makes of the EXIF directory."""
    with tifffile.TiffFile(BytesIO(data)) as file:
        value = file.pages.first.tags[34665].value
        assert isinstance(value, dict)
        return value


def tags(data: bytes) -> dict[int, tuple[object, int, bytes]]:
    with tifffile.TiffFile(BytesIO(data)) as file:
        return {
            tag.code: (tag.dtype, tag.count, data[tag.valueoffset : tag.valueoffset + tag.valuebytecount])
            for tag in file.pages.first.tags
        }


def test_the_palette_is_kept_with_its_indices() -> None:
    source = blocks.palette(stretch=4)
    result = stitched(source, 0, ROI, specimen(source, 0, ROI))
    assert tags(result)[320] == tags(source)[320]
    assert describe(result).pages[0].palette is describe(source).pages[0].palette


def test_this_program_is_named_beside_the_one_that_wrote_the_original_and_once() -> None:
    source = tiff(scene(), software="Fibics AtlasEngine")
    once = stitched(source, 0, ROI, specimen(source, 0, ROI))
    twice = stitched(once, 0, ROI, specimen(once, 0, ROI))
    assert tags(once)[305][2] == tags(twice)[305][2] == b"Fibics AtlasEngine; semstream\0"


def test_one_page_of_a_stack_becomes_a_file_of_one_page() -> None:
    pages = np.stack([scene(), np.flipud(scene()), scene() // 2])
    source = tiff(pages)
    result = stitched(source, 1, ROI, specimen(source, 1, ROI))
    assert describe(result).page_count == 1
    np.testing.assert_array_equal(read_page(result, 0).stored, pages[1])


def test_the_description_of_a_stack_is_left_out_of_one_page_of_it() -> None:
    file = BytesIO()
    tifffile.imwrite(file, np.stack([scene()] * 3), imagej=True)
    source = file.getvalue()
    result = stitched(source, 2, ROI, specimen(source, 2, ROI))
    with tifffile.TiffFile(BytesIO(result)) as written:
        assert written.asarray().shape == scene().shape


def test_pixels_of_one_bit_are_written_with_room_for_what_lies_between() -> None:
    source = tiff(scene() > 110)
    half = Frame(np.full((70, 100), 0.5, np.float32))
    result = read_page(stitched(source, 0, ROI, half), 0).stored
    assert set(np.unique(result[INSIDE])) == {128}
    assert set(np.unique(outside(result))) == {0, 255}


def test_a_restored_float_image_keeps_the_scale_of_its_original() -> None:
    source = tiff(scene().astype(np.float32) * 15)
    whole = Roi(x=0, y=0, width=128, height=96)
    result = stitched(source, 0, whole, Frame(np.full((96, 128), 0.01, np.float32)))
    np.testing.assert_allclose(specimen(result, 0, ROI).pixels, 0.01, rtol=1e-5)


def test_a_frame_of_another_size_is_refused() -> None:
    with pytest.raises(InvalidImage, match="does not fit"):
        stitched(tiff(scene()), 0, ROI, Frame(np.zeros((70, 99), np.float32)))


@pytest.mark.parametrize(
    "entry", [pytest.param(e, id=e.name) for e in CORPUS if e.verdict is Verdict.ACCEPTED and e.pages == 1]
)
def test_every_odd_image_can_be_stitched_and_read_again(entry: Hostile) -> None:
    source = entry.build()
    roi = describe(source).pages[0].valid_roi
    result = stitched(source, 0, roi, specimen(source, 0, roi))
    np.testing.assert_allclose(specimen(result, 0, roi).pixels, specimen(source, 0, roi).pixels, atol=1e-6)
