"""The bits of a detector that writes 16-bit files: said by somebody, else told by the file."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.frame import Frame
from schemas.image import Roi
from streams.errors import InvalidImage
from streams.formats.reading import PageDescription, describe, read_page, specimen
from streams.formats.sandbox import Decoder
from streams.formats.writing import stitched
from tests.hostile import blocks
from tests.hostile.blocks import encoded, scene, tiff

HEIGHT, WIDTH = 64, 96
ROI = Roi(x=0, y=0, width=WIDTH, height=HEIGHT)
TELLS_12 = [(281, "H", 1, 4095, True)]
Levels = NDArray[np.uint16]
WRITERS: dict[str, Callable[[Levels], bytes]] = {
    "tiff": tiff,
    "white is zero": lambda levels: tiff(4095 - levels, photometric="miniswhite"),
    "png": lambda levels: encoded(".png", levels),
}


def levels(saturated: int, *, scale: int = 12) -> Levels:
    """A frame of a 12-bit detector with so many pixels at 4095, and no other there."""
    found = scene(HEIGHT, WIDTH).astype(np.uint16) * np.uint16(scale)
    found.ravel()[:saturated] = 4095
    return found


def page_of(data: bytes, bits: int | None = None) -> PageDescription:
    (page,) = describe(data, bits=bits).pages
    return page


@pytest.fixture(params=WRITERS)
def write(request: pytest.FixtureRequest) -> Callable[[Levels], bytes]:
    return WRITERS[request.param]


@pytest.mark.parametrize("saturated", [17, 3])
def test_frames_of_one_detector_are_of_one_scale_however_many_pixels_saturate(
    write: Callable[[Levels], bytes], saturated: int
) -> None:
    data = write(levels(saturated))
    page = page_of(data, 12)
    assert page.effective_bits == 12
    found = specimen(data, 0, page.valid_roi, page.effective_bits).pixels
    np.testing.assert_allclose(found, levels(saturated) / 4095, atol=1e-6)


def test_a_frame_with_more_levels_is_refused_in_one_line_and_never_read_on_another_scale() -> None:
    bright = levels(3)
    bright[5, 5] = 5000
    for data in (tiff(bright), encoded(".png", bright), tiff(np.stack([levels(17), bright]))):
        with pytest.raises(InvalidImage, match=r"^a pixel of 5000 exceeds 4095, the full scale of --bits 12: give .*$"):
            describe(data, bits=12)
    assert page_of(tiff(bright), 13).effective_bits == 13


def test_what_somebody_says_wins_over_what_the_file_says_if_the_levels_fit() -> None:
    tells_12 = tiff(levels(17), extratags=TELLS_12)
    assert (page_of(tells_12).effective_bits, page_of(tells_12, 14).effective_bits) == (12, 14)
    np.testing.assert_array_equal(specimen(tells_12, 0, ROI, 14).pixels, np.float32(levels(17)) / np.float32(16383))
    wrong = tiff(levels(0, scale=50), extratags=TELLS_12)
    with pytest.raises(InvalidImage, match="the full scale that tag 281 states"):
        describe(wrong)
    assert page_of(wrong, 14).effective_bits == 14
    packed = blocks.packed_12_bit()
    assert page_of(packed, 13).effective_bits == 13


@pytest.mark.parametrize(
    "data",
    [tiff(scene()), tiff(scene().astype(np.float32) * 15), encoded(".png", scene()), encoded(".jpg", scene())],
    ids=["8 bits", "float", "png", "jpeg"],
)
def test_files_of_other_types_have_none_but_their_own(data: bytes) -> None:
    assert describe(data, bits=12) == describe(data)
    bits = page_of(data).effective_bits
    roi = Roi(x=0, y=0, width=100, height=70)
    np.testing.assert_array_equal(specimen(data, 0, roi, 12).pixels, specimen(data, 0, roi, bits).pixels)


SOURCES: dict[str, Callable[[], bytes]] = {
    "16 bits": lambda: tiff(levels(3)),
    "it saturates": lambda: tiff(levels(17)),
    "a tag": lambda: tiff(levels(3), extratags=TELLS_12),
    "a tag of 17 bits": lambda: tiff(levels(3), extratags=[(281, "I", 1, 2**17 - 1, True)]),
    "an own maximum": lambda: tiff(levels(3), extratags=[(281, "H", 1, 3000, True)]),
    "packed": blocks.packed_12_bit,
    "white is zero": lambda: tiff(levels(3), photometric="miniswhite"),
    "white is zero, it saturates": lambda: tiff(levels(17), photometric="miniswhite"),
    "white is zero, a tag": lambda: tiff(levels(3), photometric="miniswhite", extratags=TELLS_12),
    "png": lambda: encoded(".png", levels(17)),
    "grey as colour": lambda: tiff(np.dstack([levels(17)] * 3), photometric="rgb"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_the_bits_that_a_file_shows_give_the_scale_that_it_shows(source: str) -> None:
    data = SOURCES[source]()
    own = read_page(data, 0)
    again = read_page(data, 0, page_of(data).effective_bits)
    assert (again.scale, again.effective_bits) == (own.scale, own.effective_bits)


@pytest.mark.parametrize("bits", [12, 14, 16])
@pytest.mark.parametrize("source", ["16 bits", "it saturates", "a tag", "white is zero", "png"])
def test_a_result_has_the_files_own_levels_and_is_read_by_the_same_bits(source: str, bits: int) -> None:
    data = SOURCES[source]()
    raw = specimen(data, 0, ROI, bits)
    same = read_page(stitched(data, 0, ROI, raw, bits), 0)
    np.testing.assert_array_equal(same.stored, read_page(data, 0).stored)
    assert same.effective_bits == bits
    white = stitched(data, 0, ROI, Frame(np.ones_like(raw.pixels)), bits)
    page = read_page(white, 0, bits)
    assert page.stored.max() <= 2**bits - 1
    assert page.scale == read_page(white, 0).scale == read_page(data, 0, bits).scale


def test_a_bar_is_found_by_the_scale_of_the_detector() -> None:
    page = levels(3)
    page[-12:] = 0
    dim = page // 12
    assert page_of(tiff(dim)).valid_roi.height == HEIGHT  # by 65535 every row is of one grey
    assert page_of(tiff(dim), 9).valid_roi.height == HEIGHT - 12
    for saturated in (3, 17):
        page.ravel()[:saturated] = 4095
        assert page_of(tiff(page), 12).valid_roi.height == HEIGHT - 12


def test_the_sandbox_reads_and_writes_by_the_same_bits() -> None:
    data, bright = tiff(levels(3)), tiff(levels(0, scale=50))
    with Decoder() as decoder:
        assert decoder.describe(data, bits=12) == describe(data, bits=12)
        frame = decoder.specimen(data, 0, ROI, 12)
        np.testing.assert_array_equal(frame.pixels, specimen(data, 0, ROI, 12).pixels)
        assert decoder.stitched(data, 0, ROI, frame, 12) == stitched(data, 0, ROI, frame, 12)
        with pytest.raises(InvalidImage, match=re.escape("the full scale of --bits 12")):
            decoder.describe(bright, bits=12)
