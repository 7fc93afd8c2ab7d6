"""Image quality numbers: what the noise is, what a candidate risks, how it scores, and which one was chosen."""

from enum import StrEnum

from pydantic import Field, JsonValue

from schemas.image import ObjectRef
from schemas.model import Record

RAW = "raw"
"""Name of the candidate that is the frame as the instrument wrote it."""
AVERAGE = "average"
"""Name of the candidate that is the mean of an image's two frames."""


class PriorUse(StrEnum):
    """What became of the feed's prior in a frame's noise law."""

    COMBINED = "combined"
    ALONE = "alone"
    CONTRADICTED = "contradicted"


class NoiseRecord(Record):
    """The noise of a frame, in units of the frame's full scale (`stages.noise`)."""

    sigma: float
    """Root mean variance over the frame."""
    gain: float
    """``a`` in the variance law ``a * mean + b``."""
    offset: float
    """``b`` in the variance law."""
    row_acf: tuple[float, ...]
    """Autocorrelation along a row at lags 0, 1, 2, ...; 1 at lag 0, 0 beyond the last."""
    column_lag1: float
    """Autocorrelation at lag 1 along y; rows scanned at different times have none."""
    saturated: float
    """Share of pixels at 0 or at full scale."""
    holds: bool
    """Whether the model describes this frame."""
    why_not: str | None = None
    flicker: float = 0.0
    """Standard deviation of whole rows' brightness. Unknown to events older than 103, as is what follows."""
    charging: float = 0.0
    """Share of stretches of rows that are much darker than those above and below."""
    sigma_se: float = 0.0
    """Standard errors, of `sigma` and of what is named."""
    gain_se: float = 0.0
    offset_se: float = 0.0
    correlation_se: float = 0.0
    """Of each of the autocorrelations."""
    prior: str | None = None
    """What became of the feed's prior, in words, where the image has one."""
    prior_use: PriorUse | None = None


class Judge(StrEnum):
    """What a restoration was compared with to estimate its error."""

    RECORRUPTION = "recorruption"
    """The frame itself, with noise added."""
    SECOND_FRAME = "second frame"
    """Another frame of the same field."""


class Risk(Record):
    """Estimated mean squared error of a candidate against the unknown clean frame (`stages.risk`).

    Squared units of the frame's full scale; it may be slightly negative, being an unbiased estimate.
    """

    value: float
    se: float
    """Its standard error: the scatter over the blocks, and what is not known of the noise."""
    row_j: float
    """The second voice: row-wise J-invariance, in the same units."""
    blocks: tuple[float, ...]
    """Mean over each scored block; the same blocks for all candidates of a frame, so differences are paired."""
    row_blocks: tuple[float, ...] | None = None
    """The same of the second voice. Unknown to events older than 102."""
    by: Judge = Judge.RECORRUPTION
    """What `value`, `se` and `blocks` come from. Unknown to events older than 103."""
    variance_se: float = 0.0
    """Of `se`, what is not known of the noise variance that was subtracted: one number for all that subtract it, 0
    for the average of two frames, which does not. Unknown to events older than 103, whose differences lack it."""


class Candidate(Record):
    """One restoration of a frame by one method. Its pixels are at ``object``; the raw frame's are the image's own."""

    name: str
    stage: str
    method: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    config_hash: str
    object: ObjectRef | None = None
    seconds: float = 0.0
    risk: Risk | None = None
    skipped: str | None = None
    """Why the method does not apply to this frame; then there is no object."""
    cache_hit: bool = False
    scores: dict[str, float | None] = Field(default_factory=dict)


class Scoring(Record):
    """What the metrics stage found: the frame's noise, and the scores of every candidate by name."""

    noise: NoiseRecord
    scores: dict[str, dict[str, float | None]]
    bits: int | None = None
    """Bits of the file's grey levels; floats have none. Unknown to events older than 103."""


class Selection(Record):
    """Which candidate, by which rule, by what margin, and why."""

    chosen: str
    chosen_hash: str | None = None
    """Its config hash: a name may mean another candidate in another pipeline. Unknown to events older than 102."""
    rule: str
    reason: str
    """One sentence for a person."""
    margin: float | None = None
    """Risk of the runner-up minus risk of the chosen, squared units of full scale."""
    margin_se: float | None = None
    runner_up: str | None = None
    flags: tuple[str, ...] = ()
    """What a person should know before believing the result."""
    vetoes: dict[str, str] = Field(default_factory=dict)
    """Why a candidate may not be chosen, by its name. Unknown to events older than 103."""


class Result(Record):
    """What a stage computed that is none of ours."""

    values: dict[str, JsonValue]
