"""What is shown of instruments: when each was seen, how many images it writes, and what is beyond its limits."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from schemas.health import Quantity
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import INSTRUMENT_IMAGES, INSTRUMENT_OUT, INSTRUMENT_SEEN
from streams.trends.watch import InstrumentWatch


def show(watches: Sequence[InstrumentWatch], telemetry: Telemetry, now: datetime) -> None:
    """Set the gauges of every instrument, its recipes taken together; those that are watched elsewhere now have none.

    Beyond the most that have names of their own, instruments are shown as one; all are charted.
    """
    named = _by_name(watches, telemetry)
    for name, own in named.items():
        seen = [watch.last_seen.timestamp() for watch in own if watch.last_seen]
        if seen:
            telemetry.set(INSTRUMENT_SEEN, max(seen), name)
        telemetry.set(INSTRUMENT_IMAGES, sum(watch.rates.images_in_an_hour(now) for watch in own), name)
        for quantity in Quantity:
            telemetry.set(INSTRUMENT_OUT, sum(quantity in watch.out for watch in own), name, quantity.value)
    for metric in (INSTRUMENT_SEEN, INSTRUMENT_IMAGES):
        telemetry.keep(metric, {(name,) for name in named})
    telemetry.keep(INSTRUMENT_OUT, {(name, quantity.value) for name in named for quantity in Quantity})


def _by_name(watches: Sequence[InstrumentWatch], telemetry: Telemetry) -> dict[str, list[InstrumentWatch]]:
    """Return the watches by the name under which they are shown: who has a name keeps it while it is watched here."""
    telemetry.instruments.keep({watch.instrument_id for watch in watches})
    named = defaultdict[str, list[InstrumentWatch]](list)
    for watch in sorted(watches, key=lambda watch: watch.instrument_id):
        named[telemetry.instruments.bounded(watch.instrument_id)].append(watch)
    return named
