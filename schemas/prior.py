"""What many frames of one instrument say of its noise, for frames that say too little by themselves."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.model import Record, digest

Spread = Annotated[float, Field(gt=1e-12)]


class Prior(Record):
    """The noise law of a feed, in units of full scale (`stages.prior`); immutable: its hash stands for its content.

    Spreads are standard deviations between frames, beyond what each frame's own errors explain. The law's gain and its
    variance at `grey`, where the frames know it best, are independent; gain and offset are not.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    hash: str
    instrument_id: str = "unknown"
    recipe: str | None = None
    bits: Annotated[int, Field(ge=9, le=16)] | None = None
    """What somebody stated of the levels of its 16-bit files, which sets the scale of all below."""
    frames: int = Field(gt=0)
    """Frames whose law was used."""
    left_out: int = Field(ge=0)
    """Frames whose law does not hold."""
    gain: float = Field(ge=0)
    gain_spread: Spread
    offset: float
    offset_spread: Spread
    grey: float
    """Median of the frames' mean grey."""
    variance_spread: Spread
    """Of the variance at `grey`, which is ``gain * grey + offset``."""
    row_acf: tuple[float, ...] = Field(min_length=1)
    row_acf_spread: Spread
    """Of each of the autocorrelations."""

    @model_validator(mode="after")
    def _is_as_it_was_built(self) -> Self:
        if self.hash != self._digest():
            raise ValueError(f"its content is not what its hash, {self.hash}, stands for: it was altered")
        return self

    @classmethod
    def of(cls, **content: object) -> Self:
        """Return the prior of that content, with its hash."""
        unmarked = cls.model_construct(hash="", **content)  # type: ignore[arg-type]  # validated in the next line
        return cls.model_validate({**content, "hash": unmarked._digest()})

    @property
    def ref(self) -> str:
        """What names it in an image and enters the image's version: ``NAME:HASH``."""
        return f"{self.name}:{self.hash}"

    def _digest(self) -> str:
        return digest(self.model_dump(mode="json", exclude={"hash"}, exclude_defaults=True))[:16]
