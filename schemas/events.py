"""What travels on a topic: one event that grows along the path, and the dead letter."""

from datetime import datetime

from pydantic import Field, JsonValue

from schemas.image import Acquisition, Image, Sha256
from schemas.model import Record
from schemas.scores import RAW, Candidate, NoiseRecord, Selection

SCHEMA_VERSION = 103
"""Major times hundred plus minor. Minors add optional fields; anything else is a ``.v2`` type on a new topic."""

IMAGE_EVENT_TYPE = "sem.image.v1"
DEAD_LETTER_TYPE = "sem.deadletter.v1"


class ImageEvent(Record):
    """An image and all that is known of it so far. A consumer of the last topic needs no other topic."""

    schema_version: int = SCHEMA_VERSION
    acquisition: Acquisition
    image: Image
    noise: NoiseRecord | None = None
    candidates: tuple[Candidate, ...] = ()
    selection: Selection | None = None
    results: dict[str, JsonValue] = Field(default_factory=dict)

    def candidate(self, name: str) -> Candidate:
        """Return the candidate of that name; raises `KeyError`."""
        for candidate in self.candidates:
            if candidate.name == name:
                return candidate
        raise KeyError(f"no candidate '{name}' of image {self.image.image_id}")

    @property
    def restored(self) -> tuple[Candidate, ...]:
        """The candidates that have pixels of their own: neither the raw frame nor a skipped method."""
        return tuple(c for c in self.candidates if c.name != RAW and c.skipped is None)


class OriginalMessage(Record):
    """The message that could not be processed, so that it can be published again unchanged.

    Whole, or, where it is larger than a letter may be, by reference: where it stands in its topic, and what tells that
    it is still the same.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key_base64: str | None
    value_base64: str | None
    headers: tuple[tuple[str, str | None], ...]
    """Names and base64 values, in order; a name may occur more than once."""
    size_bytes: int | None = None
    """Bytes of the value, where the letter does not hold it."""
    sha256: Sha256 | None = None
    """Of the value, where the letter does not hold it."""

    @property
    def by_reference(self) -> bool:
        """Whether the message stands in its topic only. Its key and headers may then be left out as well."""
        return self.sha256 is not None


class DeadLetter(Record):
    """An image that could not be processed: the original message and the context of its failure."""

    schema_version: int = SCHEMA_VERSION
    stage: str
    reason: str
    error_class: str
    acquisition_id: str | None
    image_id: str | None
    source_name: str | None
    attempt: int
    failed_at: datetime
    host: str
    original: OriginalMessage | None
