import pytest

from streams.errors import InvalidImage
from streams.formats.sniff import Format, NotAnImage, kind_of, sniff


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"II*\0", Format.TIFF),
        (b"MM\0*", Format.TIFF),
        (b"II+\0", Format.BIGTIFF),
        (b"MM\0+", Format.BIGTIFF),
        (b"\x89PNG\r\n\x1a\n", Format.PNG),
        (b"\xff\xd8\xff\xe0", Format.JPEG),
        (b"BM" + bytes(12) + b"\x28\0\0\0", Format.BMP),
        (b"II*", None),
        (b"MM*\0", None),
        (b"BM", None),
        (b"", None),
        (b"GIF89a", None),
    ],
)
def test_the_first_bytes_tell_the_format(head: bytes, expected: Format | None) -> None:
    assert sniff(head) is expected


def test_a_name_never_makes_an_image_and_never_unmakes_one() -> None:
    assert kind_of("Map Grey.sitif", b"II*\0") is Format.TIFF
    assert kind_of("notes.txt", b"MM\0*") is Format.TIFF
    assert kind_of("notes.tif.txt", b"notes") == NotAnImage("a text file")


@pytest.mark.parametrize("name", ["a.tif", "a.TIFF", "a.sitif", "a.png", "a.bmp", "a.JPG", "a.jpeg"])
def test_a_file_that_calls_itself_an_image_and_is_none_is_bad(name: str) -> None:
    with pytest.raises(InvalidImage, match="first bytes"):
        kind_of(name, b"hello")
    with pytest.raises(InvalidImage, match="empty"):
        kind_of(name, b"")


@pytest.mark.parametrize(
    ("name", "sibling"),
    [
        ("image000.txt", "image000.tif"),
        ("IMAGE000.TXT", "image000.bmp"),
        ("image000.tif.txt", "image000.tif"),
        ("image000.hdr", "image000.png"),
    ],
)
def test_a_sidecar_is_told_by_the_image_beside_it(name: str, sibling: str) -> None:
    assert kind_of(name, b"$CM_FORMAT", siblings=[name, sibling]) == NotAnImage(f"sidecar of {sibling}")


def test_a_text_beside_other_images_is_a_text() -> None:
    assert kind_of("readme.txt", b"Hello", siblings=["readme.txt", "image000.tif"]) == NotAnImage("a text file")


def test_a_text_of_an_old_code_page_is_a_text() -> None:
    assert kind_of("session.txt", "Vergrößerung 5 µm".encode("cp1252")) == NotAnImage("a text file")
