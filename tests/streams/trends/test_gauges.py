from datetime import timedelta

from schemas.health import Quantity
from streams.telemetry import Telemetry
from streams.trends.gauges import MOST_INSTRUMENTS, show
from streams.trends.watch import InstrumentWatch, observed
from tests.events import NOON
from tests.streams.trends.instruments import rising, simulated


def _drifted() -> InstrumentWatch:
    watch = InstrumentWatch(instrument_id="sem-1", recipe="lines")
    for seen in simulated(500, seed=1, drift=rising(start=300)):
        watch, _ = observed(watch, seen)
    return watch


def _shown(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    return telemetry.registry.get_sample_value(f"semstream_instrument_{name}", labels)


def test_an_instrument_is_shown_with_all_its_recipes() -> None:
    telemetry, watch = Telemetry(), _drifted()
    assert watch.last_seen is not None
    show([watch, watch.but(recipe="holes")], telemetry, watch.last_seen)
    assert _shown(telemetry, "last_seen_timestamp_seconds", instrument="sem-1") == watch.last_seen.timestamp()
    assert 330 <= (_shown(telemetry, "images_per_hour", instrument="sem-1") or 0) <= 360
    beyond = {q: _shown(telemetry, "beyond_limits", instrument="sem-1", quantity=q.value) for q in Quantity}
    assert (beyond[Quantity.SIGMA], beyond[Quantity.SHARPNESS]) == (2, 0)


def test_the_rate_of_an_instrument_that_is_silent_falls_to_nothing() -> None:
    telemetry = Telemetry()
    show([_drifted()], telemetry, NOON + timedelta(days=1))
    assert _shown(telemetry, "images_per_hour", instrument="sem-1") == 0


def test_no_more_instruments_are_shown_than_prometheus_likes() -> None:
    telemetry = Telemetry()
    show([InstrumentWatch(instrument_id=f"sem-{n:04d}") for n in range(MOST_INSTRUMENTS + 50)], telemetry, NOON)
    found = [s for m in telemetry.registry.collect() if "images_per_hour" in m.name for s in m.samples]
    assert len(found) == MOST_INSTRUMENTS
