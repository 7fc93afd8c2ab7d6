"""Fields of a specimen imaged twice: ``KIND/noisy_NNN.tif`` beside ``KIND/clean_NNN.tif``."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schemas.frame import Frame, Pixels
from schemas.image import image_id_of
from stages.metrics.reference import Reference
from streams.errors import InvalidImage, UsageError
from streams.formats import reading

NOISY = re.compile(r"noisy_(\d+)\.tiff?")


@dataclass(frozen=True)
class Sight:
    """The specimen of an image file and the identity that the product gives it, from which its draws follow."""

    frame: Frame
    image_id: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, eq=False)
class Pair:
    """A noisy image, and the truth about all of it but a border."""

    noisy: Sight
    clean: Pixels
    border_px: int = 0
    second: Sight | None = None
    """Another frame of the field."""

    def inner(self, frame: Pixels) -> Pixels:
        """Return the part of a frame that the truth is known of."""
        height, width = frame.shape
        return frame[self.border_px : height - self.border_px, self.border_px : width - self.border_px]


class Specimen(Protocol):
    """Something imaged whose truth is known."""

    @property
    def kind(self) -> str:
        """What it is averaged with."""

    @property
    def number(self) -> int:
        """Its number."""

    @property
    def label(self) -> str:
        """Its name."""

    @property
    def conditions(self) -> Mapping[str, str]:
        """What it shows and how it was scanned, as far as it is known."""

    def pair(self) -> Pair:
        """Return its noisy image and the truth; raises `UsageError`."""


@dataclass(frozen=True, order=True)
class Field:
    """One field of one kind of pair, and where its two images are."""

    kind: str
    number: int
    noisy: Path
    clean: Path

    @property
    def label(self) -> str:
        """Kind and number, as in `line/029`."""
        return f"{self.kind}/{self.number:03d}"

    @property
    def conditions(self) -> Mapping[str, str]:
        """The kind; nothing more is known of a real field."""
        return {"real": self.kind}

    def pair(self) -> Pair:
        """Read both images and bring the clean one onto the noisy one.

        Raises
        ------
        UsageError
            If one cannot be read, or they do not have one shape.
        """
        noisy, clean = read_sight(self.noisy), read_sight(self.clean)
        reference = Reference.of(clean.frame.pixels, noisy.frame.pixels)
        if reference is None:
            raise UsageError(
                f"{self.label}: the clean frame is {clean.frame.shape} px, the noisy one {noisy.frame.shape}"
            )
        return Pair(noisy, reference.clean, reference.border)


def find_fields(folder: Path, numbers: frozenset[int] | None = None) -> list[Field]:
    """Find the pairs of a folder, those of the given numbers or all.

    Raises
    ------
    UsageError
        If there are none, or a clean image is missing.
    """
    found = sorted(field for field in _fields(folder) if numbers is None or field.number in numbers)
    if not found:
        raise UsageError(f"{folder} holds no pairs KIND/noisy_NNN.tif and KIND/clean_NNN.tif with these numbers")
    for field in found:
        if not field.clean.is_file():
            raise UsageError(f"{field.noisy} has no clean image {field.clean.name} beside it")
    return found


def _fields(folder: Path) -> Iterator[Field]:
    for noisy in folder.glob("*/noisy_*"):
        match = NOISY.fullmatch(noisy.name)
        if match:
            clean = noisy.with_name(noisy.name.replace("noisy", "clean"))
            yield Field(noisy.parent.name, int(match[1]), noisy, clean)


def parse_numbers(text: str) -> frozenset[int]:
    """Read numbers and ranges.

    >>> sorted(parse_numbers("1-3,7"))
    [1, 2, 3, 7]

    Raises
    ------
    UsageError
        If the text is neither.
    """
    numbers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if not match:
            raise UsageError(f"'{text}' is no list of field numbers; write them like 29-35 or 1,4,7-9")
        numbers.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return frozenset(numbers)


def read_sight(path: Path) -> Sight:
    """Read the first page of an image file as the product reads it.

    Raises
    ------
    UsageError
        If it cannot be read.
    """
    try:
        return sight_of(path.read_bytes())
    except (OSError, InvalidImage) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def sight_of(data: bytes) -> Sight:
    """Read the first page of an image file in memory; raises `InvalidImage`."""
    frame = reading.specimen(data, 0, reading.describe(data).pages[0].valid_roi)
    sha256 = hashlib.sha256(data).hexdigest()
    return Sight(frame, image_id_of(sha256, 0), sha256, len(data))
