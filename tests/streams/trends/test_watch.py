from datetime import timedelta

import pytest

from schemas.health import Change, ChartKind, Direction, HealthEvent, Quantity
from streams.trends.baseline import LEARNED_FROM
from streams.trends.observation import relearning
from streams.trends.share import LEARNED_FROM as SHARE_LEARNED_FROM
from streams.trends.share import WINDOW
from streams.trends.watch import InstrumentWatch, observed
from tests.events import NOON
from tests.streams.trends.instruments import SCATTER, rising, scored, selected, simulated, steady, told_of

START = 300
VALUES = {Quantity.SIGMA: 0.06, Quantity.SNR: 7.0, Quantity.SHARPNESS: -5.0, Quantity.GAIN: 0.01}


def _left(told: list[HealthEvent], quantity: Quantity) -> list[HealthEvent]:
    return [event for event in told if event.quantity is quantity and event.change is Change.LEFT]


@pytest.mark.parametrize("seed", range(5))
def test_a_steady_instrument_raises_nothing_in_10000_images(seed: int) -> None:
    assert told_of(simulated(10_000, seed=seed)) == []


@pytest.mark.parametrize("seed", range(10))
def test_noise_that_drifts_by_30_per_cent_over_200_images_is_told_within_two_windows(seed: int) -> None:
    told = _left(told_of(simulated(START + 200, seed=seed, drift=rising(start=START))), Quantity.SIGMA)
    assert told
    assert told[0].images - START <= 2 * WINDOW
    assert told[0].direction is Direction.UP
    assert {event.chart for event in told} == set(ChartKind)


@pytest.mark.parametrize("seed", range(10))
def test_so_it_is_where_images_differ_twice_as_much(seed: int) -> None:
    told = told_of(simulated(START + 200, seed=seed, drift=rising(start=START), scatter=2.0))
    assert told
    assert told[0].images - START <= 2 * WINDOW


def test_a_drift_that_is_mended_is_told_to_have_returned() -> None:
    def mended(number: int) -> float:
        return 1.3 if START <= number < START + 100 else 1.0

    told = [e for e in told_of(simulated(START + 200, seed=1, drift=mended)) if e.quantity is Quantity.SIGMA]
    for chart in ChartKind:
        assert [e.change for e in told if e.chart is chart] == [Change.LEFT, Change.RETURNED]
    assert all(e.images <= START + 130 for e in told)


@pytest.mark.parametrize("quantity", [*SCATTER])
@pytest.mark.parametrize("side", [1, -1])
def test_each_quantity_has_charts_of_its_own(quantity: Quantity, side: int) -> None:
    watch, told = InstrumentWatch(instrument_id="sem-1"), list[HealthEvent]()
    for number in range(LEARNED_FROM + 30):
        values = dict(VALUES)
        if number >= LEARNED_FROM:
            values[quantity] *= 1 + 0.5 * side
        watch, events = observed(watch, scored(number, values=values))
        told += events
    assert {event.quantity for event in told} == {quantity}
    assert watch.out == (quantity,)
    expected = Direction.UP if side * VALUES[quantity] > 0 else Direction.DOWN
    assert {event.direction for event in told} == {expected}
    assert {round(event.baseline, 6) for event in told} == {VALUES[quantity]}


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.4), (0.1, 0.7), (0.9, 0.2), (1.0, 0.6)])
def test_a_changed_share_of_raw_images_is_told_within_four_windows(before: float, after: float) -> None:
    start = SHARE_LEARNED_FROM + 100

    def share(number: int) -> float:
        return after if number >= start else before

    told = _left(told_of(simulated(start + 200, seed=3, raw_share=share)), Quantity.RAW_SHARE)
    assert told
    assert told[0].direction is (Direction.UP if after > before else Direction.DOWN)


def test_nothing_is_told_while_the_baseline_is_learned() -> None:
    assert told_of(simulated(LEARNED_FROM, seed=1, drift=rising(start=0, by=5.0))) == []


def test_an_observation_that_is_delivered_again_changes_nothing() -> None:
    watch = InstrumentWatch(instrument_id="sem-1")
    seen = list(simulated(START, seed=1))
    for observation in seen:
        watch, _ = observed(watch, observation)
    for observation in seen[-40:]:
        assert observed(watch, observation) == (watch, ())


def test_partitions_are_known_apart() -> None:
    watch = InstrumentWatch(instrument_id="sem-1")
    watch, _ = observed(watch, scored(7, values=VALUES))
    watch, _ = observed(watch, scored(3, values=VALUES).but(partition=1))
    watch, _ = observed(watch, selected(1, raw=True))
    assert watch.applied == {"sem.scored/0": 7, "sem.scored/1": 3, "sem.selected/0": 1}
    assert watch.images == 2


def test_it_is_kept_as_json_and_goes_on_from_there() -> None:
    here = there = InstrumentWatch(instrument_id="sem-1", recipe="lines")
    for number, observation in enumerate(simulated(START + 150, seed=2, drift=rising(start=START))):
        here, told_here = observed(here, observation)
        if number % 50 == 0:
            there = InstrumentWatch.from_json(there.to_json())
        there, told_there = observed(there, observation)
        assert told_there == told_here
    assert there == here
    assert here.out


def test_an_image_of_which_nothing_can_be_told_is_seen_all_the_same() -> None:
    watch, told = observed(InstrumentWatch(instrument_id="sem-1"), scored(0, values={}))
    assert (watch.images, watch.last_seen, told) == (1, NOON, ())


def test_the_latest_image_is_the_one_published_last_in_whatever_order_they_come() -> None:
    watch = InstrumentWatch(instrument_id="sem-1")
    for number, minutes in enumerate((0, 90, 5)):
        watch, _ = observed(watch, scored(number, values={}, at=NOON + timedelta(minutes=minutes)))
    assert watch.last_seen == NOON + timedelta(minutes=90)
    assert watch.rates.images_in_an_hour(NOON + timedelta(minutes=90)) == 1
    assert watch.rates.images_in_an_hour(NOON + timedelta(minutes=180)) == 0


def test_images_are_counted_in_a_window_that_moves_on() -> None:
    watch = InstrumentWatch(instrument_id="sem-1")
    for number in range(600):
        watch, _ = observed(watch, scored(number, values={}))
    assert watch.last_seen is not None
    assert 165 <= watch.rates.images_in_an_hour(watch.last_seen) <= 180
    assert len(watch.rates.steps) == 12


def test_the_reason_is_a_sentence_for_a_person() -> None:
    told = told_of(simulated(START + 200, seed=1, drift=rising(start=START)))
    reason = _left(told, Quantity.SIGMA)[0].reason
    assert reason.startswith("sem-1, recipe lines: noise_sigma has been above its baseline for long: 0.0")


def test_a_steady_drift_is_none() -> None:
    assert steady(0) == steady(10_000) == 1.0


def test_a_serviced_instrument_is_learned_anew_and_what_was_beyond_its_limits_has_returned() -> None:
    drifted = InstrumentWatch(instrument_id="sem-1", recipe="lines")
    for seen in simulated(START + 200, seed=1, drift=rising(start=START)):
        drifted, _ = observed(drifted, seen)
    beyond = sum(len(watch.charts.out) for watch in drifted.quantities.values())
    serviced, told = observed(drifted, relearning("sem-1", "lines", NOON))
    assert beyond == len(told) > 0
    assert {event.change for event in told} == {Change.RETURNED}
    assert (serviced.quantities, serviced.out, serviced.images) == ({}, (), drifted.images)
    assert observed(serviced, relearning("sem-1", "lines", NOON)) == (serviced, ())
    later, told = observed(serviced, relearning("sem-1", "lines", NOON + timedelta(hours=1)))
    assert (later.quantities, told) == ({}, ())
