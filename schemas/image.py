"""Identity: what makes an image the same image, and what makes a result the same result."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID, uuid5

from pydantic import Field, model_validator

from schemas.model import Record, digest
from schemas.prior import Prior

NAMESPACE = UUID("6f0f2a8e-5d0b-5c1e-9a53-6d1b3f0a7c42")
"""Namespace of every uuid5 of this project."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
StoreName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Bucket = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
_SEGMENT = r"[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*"
Key = Annotated[str, Field(pattern=rf"^{_SEGMENT}(/{_SEGMENT})*$", max_length=512)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


_BITS = {"uint8": 8, "uint16": 16}

INSTRUMENT_ID = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*")


class ObjectRef(Record):
    """A pointer to bytes: a *logical* store, never an endpoint or a URL; endpoints come from local settings."""

    store: StoreName
    bucket: Bucket
    key: Key
    size_bytes: int = Field(ge=0)
    sha256: Sha256
    media_type: str = "application/octet-stream"


class Roi(Record):
    """A rectangle of pixels in the file's page."""

    x: int = Field(ge=0)
    y: int = Field(ge=0)
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class DatabarMode(StrEnum):
    """How the databar stands in the file: under the specimen, over it, absent, or not known."""

    APPENDED = "appended"
    OVERWRITTEN = "overwritten"
    NONE = "none"
    UNKNOWN = "unknown"


class Palette(StrEnum):
    """What a palette file's colours are."""

    NONE = "none"
    GREY = "grey"
    OTHER = "other"


class Image(Record):
    """One page of the bytes that an instrument wrote, and everything besides them that stages read.

    ``image_id`` and ``version`` come from `image_id_of` and `version_of`. ``None`` means that the file is silent.
    """

    image_id: str
    version: str
    object: ObjectRef
    page: int = Field(ge=0)
    page_count: int = Field(ge=1)
    format: str
    reader: str
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    dtype: str
    effective_bits: int | None = None
    palette: Palette = Palette.NONE
    valid_roi: Roi
    databar_mode: DatabarMode = DatabarMode.UNKNOWN
    databar_source: str | None = None
    instrument_id: Name = "unknown"
    recipe: str | None = None
    pixel_size_nm: float | None = None
    prior: str | None = None
    prior_law: Prior | None = None
    """What `prior` names, so that a stage anywhere knows it. Unknown to events older than 103."""
    reference: ObjectRef | None = None
    acquired_at: datetime | None = None
    second: ObjectRef | None = None
    """File with another frame of the same field, on the page of the same number. Unknown to events older than 103."""

    @model_validator(mode="after")
    def _has_the_prior_that_it_names(self) -> Self:
        carried = self.prior_law and self.prior_law.ref
        if carried != self.prior:
            raise ValueError(f"the image names the prior {self.prior}, and carries {carried}: publish it with --prior")
        return self

    @property
    def bits(self) -> int | None:
        """Bits of the file's grey levels; floats have none."""
        return self.effective_bits or _BITS.get(self.dtype)


class Acquisition(Record):
    """One publication of an image."""

    acquisition_id: str
    source: str
    source_name: str
    published_at: datetime
    supersedes: str | None = None


def image_id_of(sha256: str, page: int) -> str:
    """Content identity: the file's sha256 (its first 32 hex digits) and the page.

    >>> image_id_of("ab" * 32, 0)
    'abababababababababababababababab-0'
    """
    return f"{sha256[:32]}-{page}"


def version_of(
    *,
    reader: str,
    valid_roi: Roi,
    databar_source: str | None,
    recipe: str | None = None,
    prior: str | None = None,
    reference: str | None = None,
    second: str | None = None,
    bits: int | None = None,
) -> str:
    """Hash of everything besides the bytes that the stages read; ``bits`` only where somebody, no file, states them.

    Without a second frame, and without stated bits, it is what it was before there were any.
    """
    read = {"reader": reader, "roi": valid_roi.model_dump(), "databar": databar_source, "recipe": recipe}
    later = {"second": second, "bits": bits}
    stated = {name: value for name, value in later.items() if value is not None}
    return digest({**read, "prior": prior, "reference": reference, **stated})[:16]


def acquisition_id_of(source: str, relative_path: str, image_id: str, second: str | None = None) -> str:
    """``ce_id`` of a published image: publishing the same file from the same place again is the same acquisition.

    With a second frame, given by its sha256, it is another one than without: an instrument may write that later, when
    the first is published. Without, it is what it was before there were any.
    """
    frames = image_id if second is None else f"{image_id}\n{second}"
    return str(uuid5(NAMESPACE, f"{source}\n{relative_path}\n{frames}"))


def event_id_of(acquisition_id: str, stage: str, lane: str, pipeline: str) -> str:
    """``ce_id`` of a stage's event: a redelivery produces the same id."""
    return str(uuid5(NAMESPACE, f"{acquisition_id}\n{stage}\n{lane}\n{pipeline}"))


def outcome_key(image: Image, stage: str, config_hash: str) -> str:
    """Key of an outcome in the cache and in the ledger: ``<image_id>:<version>:<stage>:<config_hash>``."""
    return f"{image.image_id}:{image.version}:{stage}:{config_hash}"


def is_instrument(name: str) -> bool:
    """Whether a text can name an instrument.

    >>> is_instrument("sem-1"), is_instrument("SEM 1")
    (True, False)
    """
    return bool(INSTRUMENT_ID.fullmatch(name)) and len(name) <= 64
