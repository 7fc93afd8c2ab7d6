"""Control charts: deviations from a baseline in, crossings of limits out. No clock, no topic, no instrument.

Both charts take deviations ``z`` in standard deviations of the baseline. How long they stay silent when nothing
happens (the average run length, ARL) is that of Gaussian values by the Markov chain of Brook and Evans (1972,
Biometrika 59:539), which the tests compute; for the CUSUM it is close to Siegmund's formula (1985, Sequential
Analysis, eq. 2.56). A baseline is itself estimated, and its errors shorten the run (Jones, Champ, Rigdon 2001,
Technometrics 43:156; 2004, J. Quality Technology 36:95): limits are wider than textbooks', so that over baselines of
200 images a steady instrument is wrongly told of in 10,000 images once in several hundred charts.
"""

import math
from collections.abc import Mapping

from pydantic import Field

from schemas.health import Change, ChartKind, Direction
from schemas.model import Record

WEIGHT = 0.2
"""Of the newest value in the EWMA (Roberts 1959, Technometrics 1:239; Lucas and Saccucci 1990, ibid. 32:1)."""
EWMA_LIMIT = 5.5 * math.sqrt(WEIGHT / (2 - WEIGHT))
"""5.5 standard deviations of a settled EWMA: ARL 3e7. A jump by 2 standard deviations is told after 11 images."""
ALLOWANCE = 0.75
"""What the CUSUM forgives each image (Page 1954, Biometrika 41:100): half of the shift that it is made for."""
CUSUM_LIMIT = 12.0
"""ARL 2e8, both sides together. A shift by 1.5 standard deviations is told after 17 images."""
CUSUM_CEILING = 2 * CUSUM_LIMIT
"""No sum grows beyond: an instrument that is well again is told to be after 25 images, whatever went before."""
RETURNED_BELOW = 0.5
"""Share of its limit below which a chart has returned: else one that lies on its limit would tell of every image."""
OUTLIER = 4.0
"""A single image counts as no more than so many standard deviations (Lucas and Crosier 1982, Comm. Stat. 11:2669)."""

LIMITS: Mapping[ChartKind, float] = {ChartKind.EWMA: EWMA_LIMIT, ChartKind.CUSUM: CUSUM_LIMIT}


class Charts(Record):
    """Where the charts of one quantity stand."""

    ewma: float = 0.0
    high: float = 0.0
    """Sum of what lay above the baseline."""
    low: float = 0.0
    """Sum of what lay below it, positive."""
    out: dict[ChartKind, Direction] = Field(default_factory=dict)
    """The charts that are beyond their limits."""

    def statistic(self, chart: ChartKind, direction: Direction) -> float:
        """What a chart holds against its limit on one side.

        >>> Charts(ewma=-1.5).statistic(ChartKind.EWMA, Direction.DOWN)
        1.5
        """
        if chart is ChartKind.CUSUM:
            return self.high if direction is Direction.UP else self.low
        return self.ewma if direction is Direction.UP else -self.ewma


class Crossing(Record):
    """A chart that left its limits, or returned."""

    chart: ChartKind
    change: Change
    direction: Direction
    statistic: float
    limit: float


def advanced(charts: Charts, z: float) -> tuple[Charts, tuple[Crossing, ...]]:
    """Take the next deviation; return where the charts then stand, and what crossed its limits by it."""
    moved = charts.but(
        ewma=(1 - WEIGHT) * charts.ewma + WEIGHT * z,
        high=min(max(charts.high + z - ALLOWANCE, 0.0), CUSUM_CEILING),
        low=min(max(charts.low - z - ALLOWANCE, 0.0), CUSUM_CEILING),
    )
    crossings = tuple(crossing for chart in ChartKind for crossing in _crossings(moved, chart))
    out = dict(moved.out)
    for crossing in crossings:
        if crossing.change is Change.LEFT:
            out[crossing.chart] = crossing.direction
        else:
            del out[crossing.chart]
    return moved.but(out=out), crossings


def given_up(charts: Charts) -> tuple[Crossing, ...]:
    """Return what is to be told of charts that are drawn no longer: those beyond their limits returned."""
    return tuple(_crossing(charts, chart, Change.RETURNED, side) for chart, side in charts.out.items())


def without_outlier(z: float) -> float:
    """Return a deviation, cut where one image would speak too loudly.

    >>> without_outlier(1.5), without_outlier(-30)
    (1.5, -4.0)
    """
    return min(max(z, -OUTLIER), OUTLIER)


def _crossings(charts: Charts, chart: ChartKind) -> tuple[Crossing, ...]:
    """Return what a chart does: one that swings from side to side returns before it leaves again."""
    was, limit = charts.out.get(chart), LIMITS[chart]
    if was is not None:
        statistic = charts.statistic(chart, was)
        returned = statistic < RETURNED_BELOW * limit
        return (_crossing(charts, chart, Change.RETURNED, was),) if returned else ()
    beyond = [side for side in Direction if charts.statistic(chart, side) > limit]
    return tuple(_crossing(charts, chart, Change.LEFT, side) for side in beyond[:1])


def _crossing(charts: Charts, chart: ChartKind, change: Change, direction: Direction) -> Crossing:
    statistic = charts.statistic(chart, direction)
    return Crossing(chart=chart, change=change, direction=direction, statistic=statistic, limit=LIMITS[chart])
