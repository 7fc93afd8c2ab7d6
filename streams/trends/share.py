"""How often the raw frame is selected, in tumbling windows of images."""

import math

from schemas.model import Record
from streams.trends.charts import Charts, Crossing, advanced

WINDOW = 50
"""Images of an instrument and recipe that make one window, one value of the chart."""


LEARNED_FROM = 1000
"""Images that tell the usual share: twenty windows, so that its error is a fifth of a window's."""


class ShareWatch(Record):
    """Counts of the first images and of the present window, and the charts of its windows.

    The deviation of a window is that of the arcsine of the square root of its share, whose variance does not depend on
    the share (Anscombe 1948, Biometrika 35:246), so one limit fits an instrument of which hardly any image stays raw
    and one of which half do.
    """

    learned: int = 0
    learned_raw: int = 0
    images: int = 0
    raw: int = 0
    latest: float = 0.0
    """Share in the latest whole window."""
    charts: Charts = Charts()

    @property
    def baseline(self) -> float:
        """Share among the first images."""
        return self.learned_raw / max(self.learned, 1)

    def watched(self, *, raw: bool) -> tuple["ShareWatch", tuple[Crossing, ...]]:
        """Take one more image; a window that it fills is charted."""
        if self.learned < LEARNED_FROM:
            return self.but(learned=self.learned + 1, learned_raw=self.learned_raw + raw), ()
        filled = self.but(images=self.images + 1, raw=self.raw + raw)
        if filled.images < WINDOW:
            return filled, ()
        charts, crossings = advanced(self.charts, filled.deviation)
        return filled.but(images=0, raw=0, latest=filled.raw / WINDOW, charts=charts), crossings

    @property
    def deviation(self) -> float:
        """How many standard deviations the window's share is away from the first images' share, itself uncertain."""
        error = math.sqrt(0.25 / WINDOW + 0.25 / LEARNED_FROM)
        return (_angle(self.raw, self.images) - _angle(self.learned_raw, self.learned)) / error


def _angle(raw: int, images: int) -> float:
    return math.asin(math.sqrt((raw + 3 / 8) / (images + 3 / 4)))
