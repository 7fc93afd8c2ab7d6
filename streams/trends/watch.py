"""The watch over one instrument and recipe: state and observation in, state and health events out."""

import math
from collections.abc import Iterable, Iterator
from datetime import datetime

from pydantic import Field

from schemas.health import Change, Direction, HealthEvent, Quantity
from schemas.model import Record
from streams.trends.baseline import Baseline
from streams.trends.charts import Charts, Crossing, advanced, given_up, without_outlier
from streams.trends.observation import LOGARITHMIC, Observation
from streams.trends.rates import Rates
from streams.trends.share import ShareWatch

LEAST_SPREAD = {Quantity.SIGMA: 0.01, Quantity.GAIN: 0.01, Quantity.SNR: 0.1, Quantity.SHARPNESS: 0.1}
"""One per cent and 0.1 dB: an instrument that is steadier than this is not told of for less."""


class QuantityWatch(Record):
    """A quantity's baseline, and its charts once that is complete."""

    baseline: Baseline = Baseline()
    charts: Charts = Charts()


class InstrumentWatch(Record):
    """All that is kept of an instrument and recipe."""

    instrument_id: str
    recipe: str | None = None
    images: int = 0
    """Scored images."""
    last_seen: datetime | None = None
    """When its latest image was published."""
    rates: Rates = Rates()
    quantities: dict[Quantity, QuantityWatch] = Field(default_factory=dict)
    share: ShareWatch = ShareWatch()
    applied: dict[str, int] = Field(default_factory=dict)
    """Offset of the latest event taken from each partition; what is delivered again lies below and changes nothing."""

    @property
    def out(self) -> tuple[Quantity, ...]:
        """Quantities of which a chart is beyond its limits."""
        charts = {quantity: watch.charts for quantity, watch in self.quantities.items()}
        charts[Quantity.RAW_SHARE] = self.share.charts
        return tuple(quantity for quantity, some in charts.items() if some.out)


def observed(watch: InstrumentWatch, seen: Observation) -> tuple[InstrumentWatch, tuple[HealthEvent, ...]]:
    """Take the next observation; return what is then kept, and what is to be told."""
    if seen.offset <= watch.applied.get(seen.place, -1):
        return watch, ()
    noted = watch.but(applied={**watch.applied, seen.place: seen.offset})
    if seen.relearn:
        return _begun_anew(noted, seen)
    return _selected(noted, seen, raw=seen.raw) if seen.raw is not None else _scored(noted, seen)


def _begun_anew(watch: InstrumentWatch, seen: Observation) -> tuple[InstrumentWatch, tuple[HealthEvent, ...]]:
    """Forget the baselines; what was beyond its limits is told to have returned."""
    told = list[HealthEvent]()
    for quantity, known in watch.quantities.items():
        centre = _in_its_unit(quantity, known.baseline.mean)
        told += _told(given_up(known.charts), watch, seen, quantity, value=centre, baseline=centre)
    share = watch.share
    told += _told(given_up(share.charts), watch, seen, Quantity.RAW_SHARE, value=share.latest, baseline=share.baseline)
    return watch.but(quantities={}, share=ShareWatch()), tuple(told)


def _scored(watch: InstrumentWatch, seen: Observation) -> tuple[InstrumentWatch, tuple[HealthEvent, ...]]:
    quantities, events = dict(watch.quantities), list[HealthEvent]()
    counted = watch.but(
        images=watch.images + 1,
        last_seen=max(seen.published_at, watch.last_seen or seen.published_at),
        rates=watch.rates.counted(seen.published_at),
    )
    for quantity, value in seen.values.items():
        known = watch.quantities.get(quantity, QuantityWatch())
        quantities[quantity], crossings = _valued(known, quantity, value)
        baseline = _in_its_unit(quantity, known.baseline.mean)
        events += _told(crossings, counted, seen, quantity, value=value, baseline=baseline)
    return counted.but(quantities=quantities), tuple(events)


def _selected(
    watch: InstrumentWatch, seen: Observation, *, raw: bool
) -> tuple[InstrumentWatch, tuple[HealthEvent, ...]]:
    share, crossings = watch.share.watched(raw=raw)
    told = _told(crossings, watch, seen, Quantity.RAW_SHARE, value=share.latest, baseline=share.baseline)
    return watch.but(share=share), tuple(told)


def _valued(watch: QuantityWatch, quantity: Quantity, value: float) -> tuple[QuantityWatch, tuple[Crossing, ...]]:
    charted, least = math.log(value) if quantity in LOGARITHMIC else value, LEAST_SPREAD[quantity]
    if not watch.baseline.complete:
        return watch.but(baseline=watch.baseline.learned(charted, least=least)), ()
    charts, crossings = advanced(watch.charts, without_outlier(watch.baseline.deviation(charted, least=least)))
    return watch.but(charts=charts), crossings


def _in_its_unit(quantity: Quantity, charted: float) -> float:
    return math.exp(charted) if quantity in LOGARITHMIC else charted


def _told(
    crossings: Iterable[Crossing],
    watch: InstrumentWatch,
    seen: Observation,
    quantity: Quantity,
    *,
    value: float,
    baseline: float,
) -> Iterator[HealthEvent]:
    for crossing in crossings:
        yield HealthEvent(
            instrument_id=watch.instrument_id,
            recipe=watch.recipe,
            quantity=quantity,
            chart=crossing.chart,
            change=crossing.change,
            direction=crossing.direction,
            reason=_reason(crossing, watch, quantity, value, baseline),
            value=value,
            baseline=baseline,
            statistic=crossing.statistic,
            limit=crossing.limit,
            images=watch.images,
            acquisition_id=seen.acquisition_id,
            image_id=seen.image_id,
            observed_at=seen.published_at,
        )


def _reason(crossing: Crossing, watch: InstrumentWatch, quantity: Quantity, value: float, baseline: float) -> str:
    who = f"{watch.instrument_id}, recipe {watch.recipe}" if watch.recipe else watch.instrument_id
    side = "above" if crossing.direction is Direction.UP else "below"
    left = crossing.change is Change.LEFT
    what = f"has been {side} its baseline for long" if left else "is near its baseline again"
    charted = f"{crossing.chart} {crossing.statistic:.3g}, limit {crossing.limit:.3g}"
    return f"{who}: {quantity} {what}: {value:.4g} now, {baseline:.4g} as learned ({charted})"
