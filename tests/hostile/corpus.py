"""Files that go wrong, and files that only look as if they would. Made in code, shared by the tests of every layer.

``CORPUS`` holds contents; ``PLACES`` what a folder can hold besides plain files. Each entry knows what has to become of
it, so that a test of any layer needs no list of its own.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from tests.hostile import blocks
from tests.hostile.blocks import cut, encoded, many_directories, page_fields, raw_tiff, scene, tiff


class Verdict(StrEnum):
    """What has to become of a file."""

    ACCEPTED = "accepted"
    """Every page is an image that can be restored and selected."""
    FAILED = "failed"
    """The file calls itself an image and cannot be one: it is refused, and the reason is told."""
    SKIPPED = "skipped"
    """The file is no image, and the reason is told."""


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@dataclass(frozen=True)
class Hostile:
    """A file by its name, its content, and what has to become of it."""

    name: str
    file_name: str
    build: Callable[[], bytes]
    verdict: Verdict
    reason: str = ""
    """Part of the reason that has to be told."""
    pages: int = 1
    """Images in an accepted file."""
    place: Callable[[Path, bytes], None] = _write

    def put_into(self, folder: Path) -> Path:
        """Create the file in a folder and return its path."""
        path = folder / self.file_name
        self.place(path, self.build())
        return path


def accepted(name: str, build: Callable[[], bytes], *, file_name: str = "", pages: int = 1) -> Hostile:
    return Hostile(name, file_name or f"{name}.tif", build, Verdict.ACCEPTED, pages=pages)


def failed(name: str, build: Callable[[], bytes], reason: str, *, file_name: str = "") -> Hostile:
    return Hostile(name, file_name or f"{name}.tif", build, Verdict.FAILED, reason)


def skipped(name: str, file_name: str, content: bytes, reason: str) -> Hostile:
    return Hostile(name, file_name, lambda: content, Verdict.SKIPPED, reason)


_FLOATS = scene().astype(np.float32)
_WORDS = scene().astype(np.uint16)

ODD_IMAGES = (
    accepted("constant", lambda: tiff(np.full((96, 128), 77, np.uint8))),
    accepted("one_pixel", lambda: tiff(np.full((1, 1), 9, np.uint8))),
    accepted("one_row", lambda: tiff(scene(1, 500))),
    accepted("one_column", lambda: tiff(scene(500, 1))),
    accepted("two_columns_of_30000", lambda: tiff(scene(30_000, 2))),
    accepted("rgb_copies_of_grey", lambda: tiff(np.dstack([scene()] * 3), photometric="rgb")),
    accepted("rgb_planes_of_grey", lambda: tiff(np.stack([scene()] * 3), photometric="rgb", planarconfig="separate")),
    accepted("jpeg_in_colour_of_grey", lambda: encoded(".jpg", np.dstack([scene()] * 3)), file_name="colour.jpg"),
    accepted("jpeg_grey", lambda: encoded(".jpg", scene()), file_name="grey.JPG"),
    accepted("png_16_bit", lambda: encoded(".png", _WORDS * 200), file_name="deep.png"),
    accepted("bmp", lambda: encoded(".bmp", scene()), file_name="old.bmp"),
    accepted("12_bits_in_12", blocks.packed_12_bit),
    accepted("12_bits_in_16", lambda: tiff(_WORDS * 16, extratags=[(281, "H", 1, 4095, True)])),
    accepted("1_bit", lambda: tiff(scene() > 110)),
    accepted("big_endian", lambda: tiff(_WORDS * 100, byteorder=">")),
    accepted("bigtiff", lambda: tiff(scene(), bigtiff=True)),
    accepted("tiles", lambda: tiff(scene(), tile=(32, 48))),
    accepted("strips", lambda: tiff(scene(), rowsperstrip=7)),
    accepted("lzw_with_predictor", lambda: tiff(_WORDS, compression="lzw", predictor=True)),
    accepted("deflate", lambda: tiff(scene(), compression="zlib")),
    accepted("zstd", lambda: tiff(scene(), compression="zstd")),
    accepted("jpeg_in_tiff", lambda: tiff(scene(), compression="jpeg")),
    accepted("jpeg_in_tiff_in_colour", lambda: tiff(np.dstack([scene()] * 3), photometric="rgb", compression="jpeg")),
    accepted("packbits", lambda: tiff(scene(), compression="packbits")),
    accepted("white_is_zero", lambda: tiff(scene(), photometric="miniswhite")),
    accepted("float_to_one", lambda: tiff(_FLOATS / 255)),
    accepted("float_to_4095", lambda: tiff(_FLOATS * 15)),
    accepted("float_with_stated_scale", lambda: tiff(_FLOATS - 300, extratags=blocks.float_scale(-400, 100))),
    accepted("palette_ramp", lambda: blocks.palette(stretch=1)),
    accepted("palette_stretched", lambda: blocks.palette(stretch=4)),
    accepted("opaque_alpha", lambda: blocks.with_alpha(np.full((96, 128), 255, np.uint8)), file_name="alpha.png"),
    accepted("500_pages", lambda: tiff(np.stack([scene(16, 24)] * 500)), pages=500),
    accepted("thumbnail_and_preview", blocks.with_thumbnail_and_preview),
    accepted("bytes_after_the_end", lambda: blocks.directory_last() + b"\0garbage" * 500),
    accepted("billion_laughs_in_a_tag", blocks.billion_laughs),
    accepted("no_suffix", lambda: tiff(scene()), file_name="micrograph"),
    accepted("wrong_suffix", lambda: tiff(scene()), file_name="micrograph.txt"),
    accepted("vendor_suffix", lambda: tiff(scene()), file_name="Map Grey.sitif"),
    accepted("newline_in_the_name", lambda: tiff(scene()), file_name="line one\nline two.tif"),
    accepted("name_of_markup", lambda: tiff(scene()), file_name="<b>&amp;'\"$(reboot)`;{}%s.tif"),
    accepted("name_in_greek", lambda: tiff(scene()), file_name="μετρήσεις ½ µm.tif"),
)

UNFINISHED = (
    failed("zero_bytes", lambda: b"", "empty"),
    failed("zeros", lambda: bytes(4096), "zeros"),
    *(failed(f"cut_at_{at}_directory_first", cut(blocks.directory_first, at), "end of the file") for at in (2, 50, 99)),
    *(failed(f"cut_at_{at}_directory_last", cut(blocks.directory_last, at), "end of the file") for at in (10, 50, 90)),
    failed("cut_at_99_vendor_tag_lost", cut(blocks.vendor_tag_last, 99), "tag 34682 (Thermo Fisher) lies beyond"),
    failed("cut_in_page_2", cut(lambda: tiff(np.stack([scene()] * 2)), 70), "end of the file"),
    failed("cut_lzw", lambda: blocks.emptied(tiff(scene(), compression="lzw")), "cannot be decoded"),
    failed("cut_png", cut(lambda: encoded(".png", scene()), 90), "truncated", file_name="cut.png"),
    failed("cut_bmp", cut(lambda: encoded(".bmp", scene()), 90), "truncated", file_name="cut.bmp"),
    failed("cut_jpeg", cut(lambda: encoded(".jpg", scene()), 90), "truncated", file_name="cut.jpg"),
    failed("cut_in_the_header", lambda: tiff(scene())[:6], "end of the file"),
    failed("no_page", lambda: b"II*\0\0\0\0\0", "no image"),
)

LIES = (
    failed("garbage", lambda: np.random.default_rng(4).bytes(5000), "first bytes"),
    failed("text_with_an_image_name", lambda: b"Instrument busy, try later.\r\n", "first bytes"),
    failed("10_gigabytes_declared", lambda: raw_tiff(page_fields(100_000, 100_000, 64), body=bytes(64)), "max_pixels"),
    failed("png_of_10_gigapixels", lambda: blocks.png_of(100_000, 100_000), "max_pixels", file_name="bomb.png"),
    failed("png_of_another_size", lambda: blocks.png_of(64, 64), "decoded", file_name="liar.png"),
    failed("png_with_a_flipped_bit", lambda: blocks.flipped(encoded(".png", scene())), "checksum", file_name="bit.png"),
    failed("deflate_bomb", blocks.deflate_bomb, "max_ratio"),
    failed(
        "60000_squared_in_256_bytes", lambda: raw_tiff(page_fields(20_000, 20_000, 64), body=bytes(64)), "max_ratio"
    ),
    failed("too_few_stored", lambda: raw_tiff(page_fields(64, 64, 4000), body=bytes(4000)), "of 4096"),
    failed(
        "strips_nowhere", lambda: raw_tiff(page_fields(64, 64, 4096, offset=2**31), body=bytes(64)), "beyond the end"
    ),
    failed("imagej_stack_under_one_directory", blocks.imagej_stack, "ImageJ stack of 300"),
    failed("strips_missing", blocks.strips_missing, "of 8 strips 1"),
    failed("strips_without_lengths", lambda: raw_tiff(page_fields(8, 8, 64)[:8], body=bytes(64)), "length"),
    failed("no_width", lambda: raw_tiff(page_fields(0, 8, 64), body=bytes(64)), "no image"),
    failed("huge_tag_count", blocks.huge_tag_count, "beyond the end"),
    failed("directory_loop", lambda: raw_tiff(page_fields(8, 8, 64), body=bytes(64), following=72), "successor"),
    failed("5000_pages", lambda: many_directories(5000), "max_pages"),
    failed(
        "forbidden_compression", lambda: raw_tiff(page_fields(8, 8, 64, compression=34887), body=bytes(64)), "34887"
    ),
    failed(
        "broken_deflate", lambda: raw_tiff(page_fields(8, 8, 64, compression=8), body=b"x" * 64), "cannot be decoded"
    ),
    failed("short_deflate", blocks.short_deflate, "cannot be decoded"),
)

NOT_GREY = (
    failed("true_colour", lambda: tiff(blocks.true_colour(), photometric="rgb"), "a colour image"),
    failed("true_colour_png", lambda: encoded(".png", blocks.true_colour()), "a colour image", file_name="colour.png"),
    failed("alpha_that_hides", lambda: blocks.with_alpha(scene()), "alpha", file_name="mask.png"),
    failed(
        "four_detectors_in_a_page", lambda: tiff(np.stack([scene()] * 5, axis=-1), planarconfig="contig"), "channel"
    ),
    failed("float_with_nan", lambda: tiff(np.where(_FLOATS > 150, np.float32(np.nan), _FLOATS)), "not finite"),
    failed("float_with_infinity", lambda: tiff(np.where(_FLOATS > 150, np.float32(np.inf), _FLOATS)), "not finite"),
    failed("float_below_zero", lambda: tiff(_FLOATS - 300), "negative"),
    failed("float_of_millions", lambda: tiff(_FLOATS * 1e5), "exceeds 65535"),
    failed("double", lambda: tiff(_FLOATS.astype(np.float64)), "64-bit float"),
    failed("signed", lambda: tiff(scene().astype(np.int16)), "signed"),
    failed("32_bit_counts", lambda: tiff(scene().astype(np.uint32)), "32-bit"),
    failed("brighter_than_stated", lambda: tiff(_WORDS * 200, extratags=[(281, "H", 1, 4095, True)]), "tag 281"),
)

NO_IMAGES = (
    skipped("text", "readme.txt", b"Chamber vented on Monday.\n", "a text file"),
    skipped("text_in_utf_16", "session.txt", "[SemImageFile]".encode("utf-16"), "a text file"),
    skipped("text_like_bmp", "BM notes", b"BM means bit map, and here are more words.", "a text file"),
    skipped("empty_text", "empty.txt", b"", "an empty file"),
    skipped("xml", "project.emxml", b'<?xml version="1.0"?><a/>', "an XML file"),
    skipped("pickle", "frame.npy", b"\x93NUMPY\x01\x00", "no TIFF"),
    skipped("zip", "archive.zip", b"PK\x03\x04\x14\x00\x00\x00", "no TIFF"),
    skipped("resource_fork", "._scan.tif", b"\x00\x05\x16\x07\x00\x02\x00\x00", "resource fork"),
    Hostile("being_written", "scan.tif.part", lambda: tiff(scene()), Verdict.SKIPPED, "being written"),
)

CORPUS = (*ODD_IMAGES, *UNFINISHED, *LIES, *NOT_GREY, *NO_IMAGES)
"""Contents of plain files, for the tests of every layer."""


def _link_outside(path: Path, content: bytes) -> None:
    target = path.parent.parent / f"{path.parent.name}-outside.tif"
    target.write_bytes(content)
    path.symlink_to(target)


def _unreadable(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0)


PLACES = (
    Hostile("symlink", "link.tif", lambda: tiff(scene()), Verdict.SKIPPED, "symbolic link", place=_link_outside),
    Hostile(
        "dangling_symlink",
        "gone.tif",
        lambda: b"",
        Verdict.SKIPPED,
        "symbolic link",
        place=lambda path, _: path.symlink_to("nowhere"),
    ),
    Hostile("folder", "folder.tif", lambda: b"", Verdict.SKIPPED, "folder", place=lambda path, _: path.mkdir()),
    Hostile("pipe", "pipe.tif", lambda: b"", Verdict.SKIPPED, "regular file", place=lambda path, _: os.mkfifo(path)),
    Hostile("unreadable", "secret.tif", lambda: tiff(scene()), Verdict.FAILED, "permission", place=_unreadable),
)
"""What a folder can hold besides plain files. Opening the pipe would block; root can read the unreadable one."""
