"""Blocks of which hostile files are made: a small scene, files as libraries write them, and TIFF fields true or not."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray


def scene(height: int = 96, width: int = 128) -> NDArray[np.uint8]:
    """Make a micrograph of lines with shot noise, 8 bits, no level at the ends of the scale; the same every time."""
    column = 110 + 60 * np.sin(np.arange(width) / 7)
    noise = np.random.default_rng(20).normal(0, 9, (height, width))
    return np.clip(column + noise, 1, 254).astype(np.uint8)


def tiff(pixels: NDArray[np.generic], **options: object) -> bytes:
    """A file as tifffile writes it: the directory in front of the pixels."""
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, metadata=None, **{"photometric": "minisblack"} | options)  # type: ignore[arg-type]
    return file.getvalue()


def encoded(suffix: str, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """A PNG, BMP or JPEG file; three channels are blue, green, red."""
    return bytes(cv2.imencode(suffix, pixels)[1])


Field = tuple[int, int, Sequence[int]]
"""Code, type (3 SHORT, 4 LONG, 11 FLOAT as its bits), values."""


def raw_tiff(fields: Sequence[Field], *, body: bytes = b"", following: int = 0, order: str = "<") -> bytes:
    """Write exactly these fields, true or not. ``body`` begins at byte 8, the directory stands behind it."""
    start = 8 + len(body) + len(body) % 2
    values_start = start + 2 + 12 * len(fields) + 4
    entries, values = b"", b""
    for code, kind, numbers in fields:
        packed = struct.pack(f"{order}{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
        entries += struct.pack(f"{order}HHI", code, kind, len(numbers))
        if len(packed) <= 4:
            entries += packed.ljust(4, b"\0")
        else:
            entries += struct.pack(f"{order}I", values_start + len(values))
            values += packed
    header = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, start)
    directory = struct.pack(f"{order}H", len(fields)) + entries + struct.pack(f"{order}I", following)
    return header + body.ljust(start - 8, b"\0") + directory + values


def page_fields(
    width: int, height: int, stored_bytes: int, *, offset: int = 8, bits: int = 8, compression: int = 1
) -> list[Field]:
    """The fields of a plain grey page of one strip."""
    return [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [bits]),
        (259, 3, [compression]),
        (262, 3, [1]),
        (273, 4, [offset]),
        (277, 3, [1]),
        (278, 4, [height]),
        (279, 4, [stored_bytes]),
        (339, 3, [1]),
    ]


def cut(build: Callable[[], bytes], percent: int) -> Callable[[], bytes]:
    """The first part of a file: what a copy leaves that was interrupted."""

    def first_part() -> bytes:
        content = build()
        return content[: len(content) * percent // 100]

    return first_part


def strips_missing() -> bytes:
    """Eight strips by the height, one by the offsets; tifffile makes the others black."""
    fields = [field for field in page_fields(64, 64, 512, compression=8) if field[0] not in (278, 279)]
    body = zlib.compress(bytes(range(256)) * 2)
    return raw_tiff(sorted([*fields, (278, 4, [8]), (279, 4, [len(body)])]), body=body)


def directory_first() -> bytes:
    """The layout of Zeiss and AutoScript: after a truncation the tags are still all there."""
    return tiff(scene())


def directory_last() -> bytes:
    """The layout of TESCAN and JEOL."""
    pixels = scene()
    return raw_tiff(page_fields(pixels.shape[1], pixels.shape[0], pixels.nbytes), body=pixels.tobytes())


def vendor_tag_last() -> bytes:
    """A Thermo Fisher file as xT writes it: pixels, directory, and the maker's tag at the very end."""
    pixels = scene()
    fields: list[Field] = page_fields(pixels.shape[1], pixels.shape[0], pixels.nbytes)
    text = b"[Image]\r\nResolutionY=96\r\n".ljust(400)
    fields.append((34682, 4, struct.unpack("<100I", text)))
    return raw_tiff(fields, body=pixels.tobytes())


def deflate_bomb() -> bytes:
    """22000 x 22000 pixels, fewer than are allowed, in 10 kB: all strips are the same bytes."""
    side, rows = 22_000, 100
    strip = zlib.compress(bytes(side * rows), 9)
    strips = side // rows
    fields = [field for field in page_fields(side, side, 0, compression=8) if field[0] not in (273, 278, 279)]
    fields += [(273, 4, [8] * strips), (278, 4, [rows]), (279, 4, [len(strip)] * strips)]
    return raw_tiff(sorted(fields), body=strip)


def many_directories(count: int) -> bytes:
    """A chain of directories over the same 64 pixels."""
    fields = page_fields(8, 8, 64)
    size = 2 + 12 * len(fields) + 4
    content = raw_tiff(fields, body=bytes(range(64)), following=8 + 64 + size)
    first = content[72:]
    for page in range(1, count):
        following = 72 + size * (page + 1) if page < count - 1 else 0
        content += first[:-4] + struct.pack("<I", following)
    return content


def palette(*, stretch: int) -> bytes:
    """A palette file: a grey ramp, or one that a display stretched and clipped."""
    ramp = np.minimum(np.arange(256) * 257 * stretch, 65535).astype(np.uint16)
    return tiff(scene(), photometric="palette", colormap=np.stack([ramp] * 3))


def with_alpha(alpha: NDArray[np.uint8]) -> bytes:
    grey = scene()
    return encoded(".png", np.dstack([grey, grey, grey, alpha]))


def true_colour() -> NDArray[np.uint8]:
    grey = scene()
    return np.dstack([grey, 255 - grey, grey // 2])


def png_of(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


def packed_12_bit() -> bytes:
    """Two pixels in three bytes, as some detectors write them."""
    pixels = scene(64, 96).astype(np.uint16) * 16
    first, second = pixels[:, 0::2], pixels[:, 1::2]
    body = np.dstack([first >> 4, (first & 15) << 4 | second >> 8, second & 255]).astype(np.uint8).tobytes()
    return raw_tiff(page_fields(96, 64, len(body), bits=12), body=body)


def float_scale(low: float, high: float) -> list[tuple[int, str, int, float, bool]]:
    """Give ``SMinSampleValue`` and ``SMaxSampleValue`` as tifffile takes them."""
    return [(340, "f", 1, low, True), (341, "f", 1, high, True)]


def with_thumbnail_and_preview() -> bytes:
    """One image, a reduced one marked as such, and a colour preview that is not marked."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(scene(), metadata=None)
        writer.write(scene()[::4, ::4], subfiletype=1, metadata=None)
        writer.write(true_colour()[::2, ::2], photometric="rgb", metadata=None)
    return file.getvalue()


def billion_laughs() -> bytes:
    """Entities that unfold into gigabytes, in the tag where Thermo Fisher keeps its XML."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    text = f'<?xml version="1.0"?><!DOCTYPE m [<!ENTITY l0 "lol">{entities}]><m><databarHeight>&l9;</databarHeight></m>'
    return tiff(scene(), extratags=[(34683, "s", 0, text, True)])


def emptied(content: bytes) -> bytes:
    """The same file with zeros for its second half: what a copy leaves that reserved the space first."""
    return content[: len(content) // 2].ljust(len(content), b"\0")


def flipped(content: bytes) -> bytes:
    """The same file with one bit in its middle changed."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def huge_tag_count() -> bytes:
    """A text tag of 4 GB in a file of 300 bytes."""
    content = raw_tiff([(270, 4, [8]), *page_fields(8, 8, 64)], body=bytes(64))
    entry = content.index(struct.pack("<HHI", 270, 4, 1))
    return content[: entry + 4] + struct.pack("<I", 2**32 - 1) + content[entry + 8 :]


def short_deflate() -> bytes:
    """A strip that unfolds into fewer pixels than are declared."""
    body = zlib.compress(bytes(range(32)))
    return raw_tiff(page_fields(8, 8, len(body), compression=8), body=body)


def imagej_stack() -> bytes:
    """A stack as ImageJ writes it beyond 4 GB: one directory, and the other images behind its strip."""
    file = io.BytesIO()
    text = "ImageJ=1.53t\nimages=300\nslices=300\nunit=nm\n"
    tifffile.imwrite(file, scene(), description=text, metadata=None)
    return file.getvalue() + scene().tobytes() * 299
