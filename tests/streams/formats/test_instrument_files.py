"""Files as instruments of six makers wrote them: every one is read, its databar found to the row, its tags kept."""

import csv
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile

from schemas.frame import Frame
from streams.errors import InvalidImage
from streams.formats.reading import Description, describe, read_page, specimen
from streams.formats.sandbox import Decoder
from streams.formats.sidecar import completed
from streams.formats.sniff import HEAD_BYTES, Format, NotAnImage, kind_of
from streams.formats.writing import stitched

BAR_ROWS = {
    "1-as-cast_16_Sch_10k_InLens.tif": 78,
    "1-as-cast_17_Sch_10k_SESI.tif": 78,
    "1-as-cast_18_Sch_10k_BSD-Compo.tif": 78,
    "FeMoOx_AntiA_04_1k5x_CN.tif": 78,
    "image000.tif": 64,
    "image001_1280_Micron only.tif": 64,
    "image001_1280_all.tif": 64,
    "image001_1280_Micron_Mag_signal.tif": 64,
    "Standard_BSE_1000x_1280bmp.bmp": 64,
    "Standard_BSE_640-800.bmp": 32,
    "image_ChanA_000003.tif": 119,
}
POISON = "quad1image_001_no_beam_scan_or_system_meta.tif"
POINTERS = {34665}


@pytest.fixture(scope="module")
def files(shared_data: Path) -> list[Path]:
    return sorted(path for path in (shared_data / "formats").rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def images(files: list[Path]) -> dict[str, bytes]:
    """Content of every file that is an image, the poisoned one left out, by name."""
    found = {}
    for path in files:
        data = path.read_bytes()
        kind = kind_of(path.name, data[:HEAD_BYTES], siblings=[sibling.name for sibling in path.parent.iterdir()])
        if isinstance(kind, Format) and path.name != POISON:
            found[path.name] = data
    return found


@pytest.fixture(scope="module")
def descriptions(images: dict[str, bytes]) -> dict[str, Description]:
    return {name: describe(data) for name, data in images.items()}


def test_22_files_are_images_and_each_has_one_page(descriptions: dict[str, Description]) -> None:
    assert len(descriptions) == 22
    assert {description.page_count for description in descriptions.values()} == {1}


def test_what_is_no_image_is_skipped_with_a_reason(files: list[Path], images: dict[str, bytes]) -> None:
    for path in files:
        if path.name in images or path.name == POISON:
            continue
        kind = kind_of(path.name, path.read_bytes()[:HEAD_BYTES], siblings=[p.name for p in path.parent.iterdir()])
        assert isinstance(kind, NotAnImage)
        assert kind.reason


def test_the_sidecars_of_jeol_are_told_by_their_images(files: list[Path]) -> None:
    path = next(path for path in files if path.name == "image000.txt")
    kind = kind_of(path.name, path.read_bytes()[:HEAD_BYTES], siblings=[p.name for p in path.parent.iterdir()])
    assert kind == NotAnImage("sidecar of image000.tif")


def test_the_sidecars_of_jeol_tell_the_pixel_size(files: list[Path], descriptions: dict[str, Description]) -> None:
    """That of the bars in the images: 101, 106 and, in an image of half the size, 23 pixels long."""
    told = {}
    for path in files:
        if path.name in descriptions and path.with_suffix(".txt").is_file():
            (page,) = completed(descriptions[path.name], [path.with_suffix(".txt").read_bytes()]).pages
            told[path.name] = page.pixel_size_nm
    assert told == {
        "Standard_BSE_1000x_1280bmp.bmp": pytest.approx(10_000 / 106),
        "Standard_BSE_640-800.bmp": pytest.approx(100_000 / 22.5),
        "image000.tif": pytest.approx(100_000 / 101),
        "image001_1280_Micron only.tif": pytest.approx(100_000 / 101),
        "image001_1280_Micron_Mag_signal.tif": pytest.approx(100_000 / 101),
        "image001_1280_all.tif": pytest.approx(100_000 / 101),
    }


def test_the_poisoned_file_is_refused_with_its_reason(files: list[Path]) -> None:
    poison = next(path for path in files if path.name == POISON)
    with pytest.raises(InvalidImage, match=r"strip \d+ ends at byte \d+, beyond the end of the file"):
        describe(poison.read_bytes())


def test_databars_are_found_to_the_row_and_nowhere_else(descriptions: dict[str, Description]) -> None:
    found = {name: page.height - page.valid_roi.height for name, d in descriptions.items() for page in d.pages}
    assert found == {name: BAR_ROWS.get(name, 0) for name in descriptions}


def test_fields_of_kriss_have_no_databar(shared_data: Path) -> None:
    fields = sorted((shared_data / "pairs").rglob("*.tif"))
    assert len(fields) == 140
    for path in fields:
        (page,) = describe(path.read_bytes()).pages
        assert page.valid_roi.height == page.height, path


def test_shapes_and_dtypes_are_those_of_the_manifest(shared_data: Path, descriptions: dict[str, Description]) -> None:
    with (shared_data / "formats" / "MANIFEST.csv").open() as manifest:
        rows = {row["file"].split("/")[-1]: row for row in csv.DictReader(manifest)}
    for name, description in descriptions.items():
        (page,) = description.pages
        assert (f"{page.height}x{page.width}", page.dtype) == (rows[name]["dims"], rows[name]["dtype"])


def test_a_cut_in_the_last_percent_is_told_by_the_tag_that_is_lost(images: dict[str, bytes]) -> None:
    data = images["SEM_Image-SliceImage-001.tif"]
    with pytest.raises(InvalidImage, match=r"tag 3468\d \(Thermo Fisher\) lies beyond the end of the file"):
        describe(data[: len(data) * 99 // 100])


@pytest.mark.parametrize("percent", [10, 50, 90, 99])
def test_no_truncated_file_passes(images: dict[str, bytes], percent: int) -> None:
    for data in images.values():
        with pytest.raises(InvalidImage):
            describe(data[: len(data) * percent // 100])


def test_the_sandbox_gives_the_same_frames(images: dict[str, bytes], descriptions: dict[str, Description]) -> None:
    with Decoder() as decoder:
        for name, data in images.items():
            assert decoder.describe(data) == descriptions[name]
            roi = descriptions[name].pages[0].valid_roi
            np.testing.assert_array_equal(decoder.specimen(data, 0, roi).pixels, specimen(data, 0, roi).pixels)


def test_a_stitched_raw_frame_is_the_original_pixel_for_pixel(
    images: dict[str, bytes], descriptions: dict[str, Description]
) -> None:
    for name, data in images.items():
        roi = descriptions[name].pages[0].valid_roi
        result = stitched(data, 0, roi, specimen(data, 0, roi))
        np.testing.assert_array_equal(read_page(result, 0).stored, read_page(data, 0).stored, name)


def test_a_stitched_file_is_described_as_its_original(
    images: dict[str, bytes], descriptions: dict[str, Description]
) -> None:
    """So that the result, fed in again, is restored over the same field on the same scale."""
    for name, data in images.items():
        (page,) = descriptions[name].pages
        dark = Frame(np.zeros((page.valid_roi.height, page.valid_roi.width), np.float32))
        (again,) = describe(stitched(data, 0, page.valid_roi, dark)).pages
        assert again.pixel_size_nm == page.pixel_size_nm
        assert (again.dtype, again.effective_bits, again.palette) == (page.dtype, page.effective_bits, page.palette)


def test_tags_of_makers_survive_byte_for_byte(images: dict[str, bytes], descriptions: dict[str, Description]) -> None:
    storage = {254, 256, 257, 258, 259, 273, 277, 278, 279, 284, 305, 339}
    for name, data in images.items():
        if not name.endswith(("tif", "sitif")):
            continue
        roi = descriptions[name].pages[0].valid_roi
        before = tag_bytes(data)
        after = tag_bytes(stitched(data, 0, roi, specimen(data, 0, roi)))
        for code in before.keys() - storage - POINTERS:
            assert after[code] == before[code], f"tag {code} of {name}"


def test_the_exif_directory_of_a_thermo_fisher_file_is_kept(images: dict[str, bytes]) -> None:
    data = images["SEM_Image-SliceImage-001.tif"]
    roi = describe(data).pages[0].valid_roi
    for file in (data, stitched(data, 0, roi, specimen(data, 0, roi))):
        with tifffile.TiffFile(BytesIO(file)) as tiff:
            assert tiff.pages.first.tags[34665].value == {"ImageUniqueID": "9C7D5CB77F80075E6A162F6EE157BF"}


def tag_bytes(data: bytes) -> dict[int, tuple[object, int, bytes]]:
    """Type, count and bytes of each tag, found by a reader that is not ours."""
    with tifffile.TiffFile(BytesIO(data)) as file:
        return {
            tag.code: (tag.dtype, tag.count, data[tag.valueoffset : tag.valueoffset + tag.valuebytecount])
            for tag in file.pages.first.tags
        }
