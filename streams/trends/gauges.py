"""What is shown of instruments: when each was seen, how many images it writes, and what is beyond its limits."""

from collections.abc import Sequence
from datetime import datetime

from schemas.health import Quantity
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import INSTRUMENT_IMAGES, INSTRUMENT_OUT, INSTRUMENT_SEEN
from streams.trends.watch import InstrumentWatch

MOST_INSTRUMENTS = 200
"""Instruments shown, the first by the alphabet; the others are charted all the same."""


def show(watches: Sequence[InstrumentWatch], telemetry: Telemetry, now: datetime) -> None:
    """Set the gauges of every instrument, its recipes taken together."""
    for name in sorted({watch.instrument_id for watch in watches})[:MOST_INSTRUMENTS]:
        own = [watch for watch in watches if watch.instrument_id == name]
        seen = [watch.last_seen.timestamp() for watch in own if watch.last_seen]
        if seen:
            telemetry.set(INSTRUMENT_SEEN, max(seen), name)
        telemetry.set(INSTRUMENT_IMAGES, sum(watch.rates.images_in_an_hour(now) for watch in own), name)
        for quantity in Quantity:
            telemetry.set(INSTRUMENT_OUT, sum(quantity in watch.out for watch in own), name, quantity.value)
