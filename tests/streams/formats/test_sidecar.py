from collections.abc import Iterator

import pytest

from schemas.image import DatabarMode, Palette, Roi
from streams.formats.reading import Description, PageDescription
from streams.formats.sidecar import completed, pixel_size_nm
from streams.formats.sniff import Format

JEOL = (
    b"$CM_FORMAT JEOL-SEM\r\n$CM_OPERATOR Jane\r\n$$SM_MICRON_BAR 101\r\n$$SM_MICRON_MARKER %s\r\n"
    b"$CM_FULL_SIZE 1280 960\r\n"
)
HITACHI = "[SemImageFile]\r\nInstructName=SU8000\r\nImageName=a.tif\r\nDataSize=1280x960\r\nPixelSize=24.8\r\n"
TESCAN = b"[MAIN]\r\nCompany=KIT\r\nPixelSizeX=0.00000005\r\nPixelSizeY=0.00000006\r\n\r\n[SEM]\r\nDetector=SE\r\n"


@pytest.mark.parametrize(
    ("marker", "nm"), [(b"100um", 1e5), (b"500nm", 500), (b"1mm", 1e6), (b"10\xb5m", 1e4), (b"10\xc2\xb5m", 1e4)]
)
def test_jeol_tells_by_its_marker(marker: bytes, nm: float) -> None:
    assert pixel_size_nm(JEOL % marker, width=1280) == pytest.approx(nm / 101)


@pytest.mark.parametrize(("width", "factor"), [(1280, 1), (640, 2), (2560, 0.5)])
def test_a_file_at_another_size_than_that_of_the_acquisition_is_taken_into_account(width: int, factor: float) -> None:
    assert pixel_size_nm(JEOL % b"100um", width=width) == pytest.approx(factor * 1e5 / 101)
    assert pixel_size_nm(HITACHI.encode(), width=width) == pytest.approx(factor * 24.8)


def test_a_sidecar_of_another_image_is_not_believed() -> None:
    assert pixel_size_nm(JEOL % b"100um", width=1000) is None
    assert pixel_size_nm(HITACHI.encode(), width=900) is None


def test_tescan_tells_metres() -> None:
    assert pixel_size_nm(TESCAN, width=1024) == pytest.approx(50)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"PixelSize=24.8\n",
        b"$CM_MAG 1000\n",
        b"$$SM_MICRON_BAR 0\n$$SM_MICRON_MARKER 100um\n",
        b"$$SM_MICRON_BAR 101\n$$SM_MICRON_MARKER 100 furlong\n",
        b"$$SM_MICRON_BAR 101\n",
        b"PixelSizeX=1e300\n",
        b"PixelSizeX=0\n",
        bytes(range(256)) * 4,
    ],
)
def test_what_says_nothing_or_nonsense_tells_nothing(text: bytes) -> None:
    assert pixel_size_nm(text, width=1280) is None


@pytest.mark.parametrize("encoding", ["ascii", "utf-16"])
def test_a_page_that_is_silent_is_completed_and_one_that_is_not_is_left_alone(encoding: str) -> None:
    description = Description(format=Format.TIFF, pages=(page(None), page(3.5)))
    sizes = [page.pixel_size_nm for page in completed(description, [b"notes", HITACHI.encode(encoding)]).pages]
    assert sizes == [pytest.approx(24.8), 3.5]


def test_where_no_page_is_silent_no_sidecar_is_read() -> None:
    read: list[bytes] = []

    def reading() -> Iterator[bytes]:
        read.append(HITACHI.encode())
        yield from read

    description = Description(format=Format.TIFF, pages=(page(3.5),))
    assert completed(description, reading()) == description
    assert read == []


def test_nothing_but_the_pixel_size_comes_of_a_sidecar() -> None:
    description = Description(format=Format.TIFF, pages=(page(None),))
    told = completed(description, [JEOL % b"100um"])
    assert told == description.but(pages=(page(1e5 / 101),))
    assert "Jane" not in told.to_json().decode()


def page(size_nm: float | None) -> PageDescription:
    return PageDescription(
        width=1280,
        height=1024,
        dtype="uint8",
        samples=1,
        effective_bits=8,
        palette=Palette.NONE,
        valid_roi=Roi(x=0, y=0, width=1280, height=960),
        databar_mode=DatabarMode.APPENDED,
        databar_source="pixels",
        pixel_size_nm=size_nm,
    )
