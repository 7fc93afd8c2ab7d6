"""The card of adapted weights: what they began with, what they learned from, and how they were judged."""

from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from schemas.model import Record


class BaseWeights(Record):
    """The weights that an adaptation began with."""

    name: str
    sha256: str


class FramesUsed(Record):
    """The frames of an adaptation, by number; ``digest`` is the hash of their ids and of which were held out."""

    training: int
    pairs: int = 0
    """Of those to learn from, how many had a second frame and were learned from as pairs."""
    held_out: int
    left_out: int
    digest: str


class NoiseSummary(Record):
    """Medians over the training frames' noise laws, in units of full scale; and the range of sigma."""

    sigma: float
    sigma_range: tuple[float, float]
    gain: float
    offset: float
    row_acf: tuple[float, ...]


class RiskFound(Record):
    """Estimated errors on the held-out frames, as shares of each one's noise variance (`stages.training.gate`)."""

    before: float
    after: float
    se: float
    """Standard error of the paired difference."""
    row_before: float
    row_after: float


class AdaptationCard(Record):
    """What is to be known of adapted weights; a JSON file beside them."""

    card: Literal["semstream.adaptation.v1"] = "semstream.adaptation.v1"
    name: str
    sha256: str
    widths: tuple[int, ...]
    blocks: int
    parameters: int
    base: BaseWeights
    frames: FramesUsed
    noise: NoiseSummary
    course: dict[str, JsonValue]
    """Every option of the training; seed and steps among them. ``bf16`` is what the processor could do."""
    risk: RiskFound
    made_at: str
    minutes: float
    versions: dict[str, str]


def card_of(weights: Path) -> Path:
    """Where the card of adapted weights lies."""
    return weights.with_suffix(".json")
