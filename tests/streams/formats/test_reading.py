import io

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from schemas.image import Palette, Roi
from streams.errors import InvalidImage
from streams.formats.limits import Limits
from streams.formats.reading import describe, read_page, specimen
from streams.formats.sniff import Format
from tests.hostile import blocks
from tests.hostile.blocks import encoded, scene, tiff


def pixels_of(data: bytes, page: int = 0) -> NDArray[np.float32]:
    described = describe(data).pages[page]
    return specimen(data, page, Roi(x=0, y=0, width=described.width, height=described.height)).pixels


@pytest.mark.parametrize("full_scale", [255, 65535])
def test_integers_are_mapped_by_their_dtype_and_never_by_their_range(full_scale: int) -> None:
    levels = np.array([[0, 1, full_scale // 2], [full_scale // 2 + 1, full_scale - 1, full_scale]], np.int64)
    expected = (levels / full_scale).astype(np.float32)
    levels = levels.astype(np.uint8 if full_scale == 255 else np.uint16)
    np.testing.assert_array_equal(pixels_of(tiff(levels)), expected)
    np.testing.assert_array_equal(pixels_of(tiff(levels[:, :2])), expected[:, :2])


def test_a_dark_image_stays_dark() -> None:
    assert pixels_of(tiff(np.full((8, 8), 3, np.uint8))).max() == np.float32(3 / 255)


def test_12_bits_are_mapped_by_12_bits_whether_packed_or_stated() -> None:
    levels = scene(64, 96).astype(np.uint16) * 16
    expected = (levels / 4095).astype(np.float32)
    stated = tiff(levels, extratags=[(281, "H", 1, 4095, True)])
    for data in (blocks.packed_12_bit(), stated):
        assert describe(data).pages[0].effective_bits == 12
        np.testing.assert_array_equal(pixels_of(data), expected)


def test_a_maximum_that_is_no_full_scale_is_an_image_s_own_and_ignored() -> None:
    data = tiff(scene().astype(np.uint16), extratags=[(281, "H", 1, 4000, True)])
    assert describe(data).pages[0].effective_bits == 16


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_detector_of_fewer_bits_shows_its_white_by_saturating_there(suffix: str) -> None:
    levels = scene(64, 96).astype(np.uint16) * 16
    levels[:4, :16] = 4095
    data = tiff(levels) if suffix == ".tif" else encoded(suffix, levels)
    assert describe(data).pages[0].effective_bits == 12
    np.testing.assert_array_equal(pixels_of(data), (levels / 4095).astype(np.float32))


@pytest.mark.parametrize(("top", "pixels"), [(4095, 15), (4094, 64), (255, 64), (4096, 64)])
def test_some_brightest_pixels_are_no_full_scale(top: int, pixels: int) -> None:
    levels = scene(64, 96).astype(np.uint16) // 2
    levels.ravel()[:pixels] = top
    assert describe(tiff(levels)).pages[0].effective_bits == 16


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize(("bits", "white"), [(12, 4095), (16, 65535), (11, 65535), (8, 65535), (None, 65535)])
def test_a_second_frame_has_the_scale_of_the_first_unless_it_exceeds_that(
    suffix: str, bits: int | None, white: int
) -> None:
    levels = scene(64, 96).astype(np.uint16) * 8
    levels[0, :15] = 4095
    data = tiff(levels) if suffix == ".tif" else encoded(suffix, levels)
    found = specimen(data, 0, Roi(x=0, y=0, width=96, height=64), bits).pixels
    np.testing.assert_array_equal(found, (levels / white).astype(np.float32))


def test_a_second_frame_stays_inverted_where_white_is_zero() -> None:
    levels = scene(64, 96).astype(np.uint16) * 8
    found = specimen(tiff(levels, photometric="miniswhite"), 0, Roi(x=0, y=0, width=96, height=64), 12).pixels
    np.testing.assert_allclose(found, 1 - levels / 4095, atol=1e-6)


@pytest.mark.parametrize(
    ("largest", "white"), [(0.5, 1), (1, 1), (1.5, 255), (255, 255), (256, 4095), (4096, 65535), (65535, 65535)]
)
def test_floats_take_the_smallest_usual_scale_that_holds_them(largest: float, white: float) -> None:
    data = tiff(np.array([[0, largest]], np.float32))
    assert pixels_of(data)[0, 1] == np.float32(largest / white)


def test_floats_take_the_scale_that_tags_state() -> None:
    data = tiff(np.array([[-300, 0, 100]], np.float32), extratags=blocks.float_scale(-400, 100))
    np.testing.assert_allclose(pixels_of(data), [[0.2, 0.8, 1.0]], atol=1e-6)


def test_floats_beyond_the_stated_scale_are_refused() -> None:
    data = tiff(np.array([[-300, 101]], np.float32), extratags=blocks.float_scale(-400, 100))
    with pytest.raises(InvalidImage, match="outside the tags"):
        describe(data)


def test_white_is_zero_is_turned_to_light_is_one() -> None:
    np.testing.assert_allclose(
        pixels_of(tiff(scene(), photometric="miniswhite")), 1 - pixels_of(tiff(scene())), atol=1e-7
    )


@pytest.mark.parametrize(("stretch", "expected"), [(1, Palette.GREY), (4, Palette.OTHER)])
def test_indices_of_a_palette_are_the_intensities(stretch: int, expected: Palette) -> None:
    data = blocks.palette(stretch=stretch)
    assert describe(data).pages[0].palette is expected
    np.testing.assert_array_equal(pixels_of(data), pixels_of(tiff(scene())))


@pytest.mark.parametrize(
    "data",
    [
        tiff(scene(), byteorder=">"),
        tiff(scene(), bigtiff=True),
        tiff(scene(), tile=(32, 48)),
        tiff(scene(), rowsperstrip=7),
        tiff(scene(), compression="lzw", predictor=True),
        tiff(scene(), compression="zstd"),
        tiff(np.dstack([scene()] * 3), photometric="rgb"),
        tiff(np.stack([scene()] * 3), photometric="rgb", planarconfig="separate"),
        encoded(".png", scene()),
        encoded(".bmp", scene()),
        encoded(".png", np.dstack([scene()] * 3)),
    ],
    ids=["big-endian", "bigtiff", "tiles", "strips", "lzw", "zstd", "rgb", "rgb-planes", "png", "bmp", "png-rgb"],
)
def test_the_same_pixels_are_the_same_frame_however_they_are_stored(data: bytes) -> None:
    np.testing.assert_array_equal(pixels_of(data), pixels_of(tiff(scene())))


@pytest.mark.parametrize(("order", "dtype"), [("<", "uint16"), (">", "uint16"), (">", "float32")])
def test_either_byte_order_is_read(order: str, dtype: str) -> None:
    levels = scene().astype(dtype)
    np.testing.assert_array_equal(read_page(tiff(levels, byteorder=order), 0).stored, levels)


def test_a_jpeg_of_grey_may_differ_by_a_few_levels_between_its_channels() -> None:
    grey = scene()
    nearly = np.dstack([grey, grey, np.clip(grey.astype(int) + 4, 0, 255).astype(np.uint8)])
    assert describe(encoded(".png", nearly)).pages[0].samples == 3
    far = np.dstack([grey, grey, np.clip(grey.astype(int) + 5, 0, 255).astype(np.uint8)])
    with pytest.raises(InvalidImage, match="a colour image"):
        describe(encoded(".png", far))


def test_every_page_is_an_image_of_its_own() -> None:
    pages = np.stack([scene(64, 64), np.flipud(scene(64, 64)), scene(64, 64) // 2])
    description = describe(tiff(pages))
    assert description.page_count == 3
    for number, expected in enumerate(pages):
        np.testing.assert_array_equal(read_page(tiff(pages), number).stored, expected)


def test_pages_may_differ_in_size_and_depth() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(scene(40, 50), metadata=None)
        writer.write(scene(60, 70).astype(np.uint16), metadata=None)
    assert [(p.height, p.width, p.dtype) for p in describe(file.getvalue()).pages] == [
        (40, 50, "uint8"),
        (60, 70, "uint16"),
    ]


def test_thumbnails_and_previews_are_no_pages() -> None:
    description = describe(blocks.with_thumbnail_and_preview())
    assert [(page.height, page.width) for page in description.pages] == [scene().shape]


def test_a_page_that_is_not_there_is_refused() -> None:
    for data in (tiff(scene()), encoded(".png", scene())):
        for page in (1, -1):
            with pytest.raises(InvalidImage, match="of a file of 1 page"):
                read_page(data, page)


def test_a_specimen_is_the_roi_and_a_roi_outside_the_page_is_refused() -> None:
    data = tiff(scene())
    frame = specimen(data, 0, Roi(x=3, y=5, width=20, height=10))
    np.testing.assert_array_equal(frame.pixels, (scene()[5:15, 3:23] / 255).astype(np.float32))
    with pytest.raises(InvalidImage, match="outside the page"):
        specimen(data, 0, Roi(x=120, y=0, width=9, height=1))


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(max_bytes=100), "max_bytes = 100"),
        (Limits(max_pixels=scene().size - 1), "max_pixels"),
        (Limits(max_pages=2), "max_pages = 2"),
        (Limits(max_ratio=0), "max_ratio = 0"),
    ],
)
def test_each_limit_is_kept(limits: Limits, reason: str) -> None:
    data = tiff(np.stack([scene()] * 3))
    assert describe(data).page_count == 3
    with pytest.raises(InvalidImage, match=reason):
        describe(data, limits=limits)


def test_nothing_is_decoded_before_all_pages_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tifffile.TiffPage, "asarray", lambda *_, **__: pytest.fail("decoded"))
    data = tiff(np.stack([scene()] * 3))
    with pytest.raises(InvalidImage, match="max_pixels"):
        describe(data, limits=Limits(max_pixels=100))


def test_the_format_is_told() -> None:
    assert describe(tiff(scene(), bigtiff=True)).format is Format.BIGTIFF
    assert describe(encoded(".bmp", scene())).format is Format.BMP
