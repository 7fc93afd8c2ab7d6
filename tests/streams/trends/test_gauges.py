from datetime import timedelta

from schemas.health import Quantity
from streams.telemetry import Telemetry
from streams.telemetry.names import MOST, OTHER
from streams.trends.gauges import show
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


def _instruments(telemetry: Telemetry) -> set[str]:
    found = (s for m in telemetry.registry.collect() if m.name.startswith("semstream_instrument_") for s in m.samples)
    return {sample.labels["instrument"] for sample in found}


def test_no_more_instruments_are_shown_than_prometheus_likes_and_the_others_as_one() -> None:
    telemetry, drifted = Telemetry(), _drifted()
    assert drifted.last_seen is not None
    watches = [drifted.but(instrument_id=f"sem-{number:04d}") for number in range(MOST + 30)]
    show(watches, telemetry, drifted.last_seen)
    assert _instruments(telemetry) == {f"sem-{number:04d}" for number in range(MOST)} | {OTHER}
    assert _shown(telemetry, "beyond_limits", instrument=OTHER, quantity=Quantity.SIGMA.value) == 30


def test_so_it_is_however_often_and_whatever_is_shown() -> None:
    telemetry = Telemetry()
    for most in range(100, 1100, 200):
        show([InstrumentWatch(instrument_id=f"sem-{n:04d}") for n in range(1000, 1000 - most, -1)], telemetry, NOON)
        assert len(_instruments(telemetry)) == MOST + 1


def test_an_instrument_that_another_process_watches_now_is_shown_no_more_and_its_place_is_free() -> None:
    telemetry, watches = Telemetry(), [InstrumentWatch(instrument_id=f"sem-{number:04d}") for number in range(MOST)]
    show([_drifted(), *watches], telemetry, NOON)
    show([*watches[1:], InstrumentWatch(instrument_id="sem-new")], telemetry, NOON)
    assert _instruments(telemetry) == {watch.instrument_id for watch in watches[1:]} | {"sem-new"}
    assert _shown(telemetry, "last_seen_timestamp_seconds", instrument="sem-1") is None
    show([], telemetry, NOON)
    assert _instruments(telemetry) == set()
