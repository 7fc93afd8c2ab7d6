import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.image import DatabarMode
from streams.formats.databar import bar_rows, databar_of
from streams.formats.page import PagePixels, Scale
from streams.formats.reading import describe, read_page
from tests.hostile.blocks import scene, tiff

BYTES = Scale(black=0, white=255)


def with_bar(rows: int, *, height: int = 400, background: int = 0) -> NDArray[np.uint8]:
    """A noisy field with a bar below it: one background level, a ruler line, and a block of text."""
    image = scene(height, 640)
    image[height - rows :] = background
    if rows > 6:
        image[height - rows + 3, ::2] = 255 - background
        image[height - rows // 2 : height - 2, 40:200:3] = 255 - background
    return image


@pytest.mark.parametrize("rows", [8, 29, 39, 64, 78, 100])
@pytest.mark.parametrize("background", [0, 255, 30])
def test_a_bar_of_one_background_is_found_to_the_row(rows: int, background: int) -> None:
    assert bar_rows(with_bar(rows, background=background), BYTES) == rows


@pytest.mark.parametrize("rows", [0, 5, 101, 300, 400])
def test_what_is_lower_than_a_line_of_text_or_higher_than_a_quarter_is_no_bar(rows: int) -> None:
    assert bar_rows(with_bar(rows), BYTES) == 0


def test_a_dark_region_that_fades_in_is_no_bar() -> None:
    shade = np.ones((400, 1), np.float32)
    shade[300:, 0] = np.linspace(1, 0, 100) ** 2
    image: NDArray[np.uint8] = np.multiply(scene(400, 640), shade).astype(np.uint8)
    assert bar_rows(image, BYTES) == 0


def test_a_bar_is_found_in_16_bits_and_in_floats_as_in_8() -> None:
    image = with_bar(64)
    assert bar_rows(image.astype(np.uint16) * 257, Scale(black=0, white=65535)) == 64
    assert bar_rows(BYTES.intensity(image), Scale(black=0, white=1)) == 64


def test_the_maker_is_believed_before_the_pixels() -> None:
    data = thermo_fisher(with_bar(64), resolution_y=370)
    page = describe(data).pages[0]
    assert page.valid_roi.height == 370
    assert page.databar_mode is DatabarMode.APPENDED
    assert page.databar_source == "tag 34682 ResolutionY"


@pytest.mark.parametrize("resolution_y", [401, 884, 299, 0])
def test_a_maker_that_contradicts_the_file_is_not_believed(resolution_y: int) -> None:
    page = describe(thermo_fisher(with_bar(64), resolution_y=resolution_y)).pages[0]
    assert page.valid_roi.height == 336
    assert page.databar_source == "pixels"


def test_a_maker_that_says_there_is_no_bar_is_believed() -> None:
    page = describe(thermo_fisher(scene(400, 640), resolution_y=400)).pages[0]
    assert page.databar_mode is DatabarMode.NONE
    assert page.valid_roi.height == 400


def test_tescan_and_phenom_state_the_height_of_the_bar() -> None:
    tescan = tiff(with_bar(64), extratags=[(50431, "B", 30, b"\xfc\x19JP2 ImageStripSize=64\nX=1\n\0", True)])
    phenom = tiff(with_bar(64), extratags=[(34683, "s", 0, "<FeiImage><databarHeight>64</databarHeight>", True)])
    assert [describe(data).pages[0].databar_source for data in (tescan, phenom)] == [
        "tag 50431 ImageStripSize",
        "tag 34683 databarHeight",
    ]
    assert {describe(data).pages[0].valid_roi.height for data in (tescan, phenom)} == {336}


def test_zeiss_writes_its_bar_over_the_specimen() -> None:
    data = tiff(with_bar(64, height=480), extratags=[(34118, "s", 0, "AP_WD\r\nWD = 5 mm\r\n", True)])
    assert describe(data).pages[0].databar_mode is DatabarMode.OVERWRITTEN


@pytest.mark.parametrize(("height", "mode"), [(480 + 64, DatabarMode.APPENDED), (500, DatabarMode.UNKNOWN)])
def test_a_bar_below_a_field_of_usual_shape_was_appended(height: int, mode: DatabarMode) -> None:
    assert describe(tiff(with_bar(64, height=height))).pages[0].databar_mode is mode


def test_a_page_that_says_nothing_of_itself_is_judged_by_its_pixels() -> None:
    page = PagePixels(stored=with_bar(64), scale=BYTES, samples=1)
    assert databar_of(page).valid_roi.height == 336


def thermo_fisher(image: NDArray[np.uint8], *, resolution_y: int) -> bytes:
    text = (
        "[Scan]\r\nPixelWidth=2.5e-009\r\nResolutionY=1\r\n"
        f"[Image]\r\nDigitalContrast=1\r\nResolutionX=640\r\nResolutionY={resolution_y}\r\n"
        "[PrivateFei]\r\nDatabarHeight=0\r\n"
    )
    return tiff(image, extratags=[(34682, "s", 0, text, True)])


def test_the_pixel_size_of_the_scan_is_read_in_nanometres() -> None:
    assert describe(thermo_fisher(scene(), resolution_y=96)).pages[0].pixel_size_nm == pytest.approx(2.5)


def test_a_page_is_not_changed_by_looking_for_its_bar() -> None:
    data = tiff(with_bar(64))
    page = read_page(data, 0)
    databar_of(page)
    np.testing.assert_array_equal(page.stored, with_bar(64))
