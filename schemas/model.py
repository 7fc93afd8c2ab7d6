"""The one kind of value that travels: frozen, and keeping fields that it does not know."""

import hashlib
from typing import Annotated, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""An option that must be above zero."""


class Record(BaseModel):
    """A frozen value on the wire. Unknown fields are kept and forwarded; numbers are finite, for JSON has no NaN."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    def to_json(self) -> bytes:
        """UTF-8 JSON, unknown fields included."""
        return self.model_dump_json().encode()

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Parse and validate; raises `pydantic.ValidationError`."""
        return cls.model_validate_json(data)

    def but(self, **changes: object) -> Self:
        """Return the same value with some fields changed (typed by the caller; not validated again)."""
        return self.model_copy(update=changes)


def digest(value: JsonValue) -> str:
    """Hash a JSON value: 32 hex digits of the sha256 of its canonical form (sorted keys, no spaces).

    >>> digest({"b": 1, "a": [2.5]}) == digest({"a": [2.5], "b": 1})
    True
    """
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
