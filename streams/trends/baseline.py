"""What an instrument's images are like when it is well: learned from its first ones."""

import math

from schemas.model import Record
from streams.trends.charts import OUTLIER, without_outlier

LEARNED_FROM = 200
"""Images of an instrument and recipe: their mean is then known to 0.07 and their spread to 0.05 of the spread."""
BELIEVED_FROM = 20
"""Images from which outliers can be told while learning: one image out of focus must not blind a chart for good."""


class Baseline(Record):
    """Mean and spread of the first values of a quantity (Welford 1962, Technometrics 4:419)."""

    images: int = 0
    mean: float = 0.0
    squares: float = 0.0
    """Sum of the squared deviations from the mean."""

    @property
    def complete(self) -> bool:
        """Whether enough was seen."""
        return self.images >= LEARNED_FROM

    def spread(self, least: float = 0.0) -> float:
        """Standard deviation, or ``least`` where that is more: what is smaller is no deviation that matters."""
        return max(math.sqrt(self.squares / (self.images - 1)) if self.images > 1 else 0.0, least)

    def learned(self, value: float, *, least: float = 0.0) -> "Baseline":
        """Return the baseline with one more value, its outliers cut as those of the charts are.

        >>> Baseline().learned(1.0).learned(3.0)
        Baseline(images=2, mean=2.0, squares=2.0)
        """
        if self.images >= BELIEVED_FROM:
            value = self.mean + self.spread(least) * without_outlier(self.deviation(value, least=least))
        images = self.images + 1
        step = value - self.mean
        mean = self.mean + step / images
        return self.but(images=images, mean=mean, squares=self.squares + step * (value - mean))

    def deviation(self, value: float, *, least: float = 0.0) -> float:
        """Return how many standard deviations a value is away."""
        spread = self.spread(least)
        if spread > 0:
            return (value - self.mean) / spread
        return math.copysign(OUTLIER, value - self.mean) if value != self.mean else 0.0
