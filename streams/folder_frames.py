"""The specimens of the images in a folder, as stages see them, and second frames of their fields."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from schemas.frame import Pixels
from schemas.image import image_id_of
from streams.errors import InvalidImage
from streams.formats.reading import PageDescription
from streams.formats.sandbox import Decoder
from streams.formats.sniff import HEAD_BYTES, NotAnImage, kind_of
from streams.pairing import told_of_second
from streams.source import Skipped, SourceFile

Told = Callable[[str, str], None]
"""Hears a frame's name and a reason."""


@dataclass(frozen=True, eq=False)
class FolderFrame:
    """The specimen of one page, its image's identity, and the file that it is in."""

    image_id: str
    name: str
    pixels: Pixels
    second: Pixels | None = None
    """Another frame of the same field."""


def frames_of(
    files: Iterable[SourceFile | Skipped],
    decoder: Decoder,
    failed: Told,
    alone: Told = lambda name, why: None,
    *,
    bits: int | None = None,
) -> Iterator[FolderFrame]:
    """Yield the specimen of every page of every image.

    ``failed`` hears of files that have none, ``alone`` of pages whose second frame cannot be had.
    ``bits`` are those of the detector's levels in 16-bit files, which else each file is asked for.
    """
    for file in files:
        if isinstance(file, Skipped):
            continue
        try:
            kind = kind_of(PurePosixPath(file.name).name, file.read(HEAD_BYTES), siblings=file.siblings)
            if not isinstance(kind, NotAnImage):
                yield from _pages(file, decoder, alone, bits)
        except InvalidImage as error:
            failed(file.name, str(error))
        except OSError as error:
            failed(file.name, f"cannot be read: {error.strerror}")


def _pages(file: SourceFile, decoder: Decoder, alone: Told, bits: int | None) -> Iterator[FolderFrame]:
    data = file.read(-1)
    sha256 = hashlib.sha256(data).hexdigest()
    for number, page in enumerate(decoder.describe(data, bits=bits).pages):
        pixels = decoder.specimen(data, page=number, roi=page.valid_roi, bits=page.effective_bits).pixels
        second = _second(file, decoder, number, page, alone, bits=bits)
        yield FolderFrame(image_id_of(sha256, number), file.name, pixels, second)


def _second(
    file: SourceFile, decoder: Decoder, number: int, page: PageDescription, alone: Told, *, bits: int | None
) -> Pixels | None:
    if file.second is None:
        return None
    try:
        with told_of_second(file.second.name):
            data = file.second.read(-1)
            if bits is not None:
                decoder.describe(data, bits=bits)
            return decoder.specimen(data, page=number, roi=page.valid_roi, bits=page.effective_bits).pixels
    except InvalidImage as error:
        alone(file.name, str(error))
        return None
