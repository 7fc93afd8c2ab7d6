"""What is told of an instrument's health: that a control chart left its limits, or returned."""

from datetime import datetime
from enum import StrEnum

from schemas.events import SCHEMA_VERSION
from schemas.model import Record

HEALTH_EVENT_TYPE = "sem.health.v1"


class Quantity(StrEnum):
    """What is watched of an instrument."""

    SIGMA = "noise_sigma"
    """Strength of the noise, of full scale; its logarithm is charted."""
    SNR = "snr_db"
    SHARPNESS = "sharpness_db"
    """Signal to noise at periods of 4 to 8 px over that of the whole frame: more noise leaves it, defocus lowers it."""
    GAIN = "gain"
    """Growth of the noise variance with the signal: it falls as the dose rises."""
    RAW_SHARE = "raw_share"
    """Share of images of which the raw frame was selected."""


class ChartKind(StrEnum):
    """How deviations from the baseline are summed up."""

    EWMA = "ewma"
    """An average that forgets: sees a jump soon."""
    CUSUM = "cusum"
    """A sum of what exceeds an allowance: sees a slow drift."""


class Change(StrEnum):
    """What a chart did."""

    LEFT = "left"
    RETURNED = "returned"


class Direction(StrEnum):
    """On which side a chart left its limits."""

    UP = "up"
    DOWN = "down"


class HealthEvent(Record):
    """A control chart of an instrument and recipe left its limits, or returned within them."""

    schema_version: int = SCHEMA_VERSION
    instrument_id: str
    recipe: str | None
    quantity: Quantity
    chart: ChartKind
    change: Change
    direction: Direction
    reason: str
    """One sentence for a person."""
    value: float
    """The latest, in the quantity's unit; of a share, that of the latest window."""
    baseline: float
    """Centre of the chart, in the same unit."""
    statistic: float
    """What is charted, in standard deviations of the baseline; positive on either side."""
    limit: float
    images: int
    """How many of the instrument and recipe were watched by then, those of the baseline included."""
    acquisition_id: str
    """The image by which the chart changed."""
    image_id: str
    observed_at: datetime
    """When that image was published."""
