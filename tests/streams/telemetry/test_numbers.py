import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from streams.telemetry.catalogue import BUILD_INFO, METRICS, PARTS, STAGE_SECONDS
from streams.telemetry.families import Families
from streams.telemetry.metric import Kind, Metric
from streams.telemetry.numbers import Level, Tally, counters, gauges
from tests.streams.telemetry.crowd import THREADS, TIMES, crowd

VALUES = st.lists(st.floats(0, 4000), max_size=10)
ALONE = Metric("alone", Kind.COUNTER, "things", (), "Has no labels.")
LEVEL = Metric("level", Kind.GAUGE, "things", (), "Has none either.")


def exported(*registered: Families[Tally] | Families[Level]) -> list[str]:
    registry = CollectorRegistry()
    for families in registered:
        registry.register(families)
    return _lines(registry)


def _lines(registry: CollectorRegistry) -> list[str]:
    return sorted(line for line in generate_latest(registry).decode().splitlines() if "_created" not in line)


@given(VALUES)
def test_what_is_exported_is_what_prometheus_client_would_export(values: list[float]) -> None:
    theirs = CollectorRegistry()
    counter = Counter(PARTS.name, PARTS.meaning, PARTS.labels, registry=theirs)
    gauge = Gauge(BUILD_INFO.name, BUILD_INFO.meaning, BUILD_INFO.labels, registry=theirs)
    Counter(ALONE.name, ALONE.meaning, registry=theirs)
    Gauge(LEVEL.name, LEVEL.meaning, registry=theirs)
    tallies, levels = counters([PARTS, ALONE]), gauges([BUILD_INFO, LEVEL])
    for number, value in enumerate(values):
        labels = tuple(f"{label}-{number % 3}" for label in PARTS.labels)
        tallies.of(PARTS, labels).add(value)
        counter.labels(*labels).inc(value)
        labels = tuple(f"{label}-{number % 3}" for label in BUILD_INFO.labels)
        levels.of(BUILD_INFO, labels).set(value)
        gauge.labels(*labels).set(value)
    assert exported(tallies, levels) == _lines(theirs)


def test_what_many_threads_add_is_all_counted() -> None:
    tally = Tally()
    crowd(lambda: tally.add(2))
    assert tally.value == 2 * THREADS * TIMES


def test_a_counter_never_falls() -> None:
    with pytest.raises(ValueError, match="a counter only grows, and not by -1"):
        Tally().add(-1)


def test_a_gauge_that_only_rises_keeps_the_most_that_it_was_told() -> None:
    levels = gauges([LEVEL])
    for value in (2, 5, 3):
        levels.of(LEVEL, ()).rise(value)
    assert levels.of(LEVEL, ()).value == 5


def test_series_that_are_not_kept_are_exported_no_more() -> None:
    levels, kept = gauges([BUILD_INFO]), ("1", "3.11", "default", "0")
    for labels in (kept, ("0", *kept[1:])):
        levels.of(BUILD_INFO, labels).set(1)
    levels.keep(BUILD_INFO, {kept, ("2", *kept[1:])})
    assert [line for line in exported(levels) if 'version="1"' in line and not line.startswith("#")]
    assert len([line for line in exported(levels) if not line.startswith("#")]) == 1


def test_a_series_with_other_labels_than_the_metric_has_is_refused() -> None:
    with pytest.raises(ValueError, match="semstream_parts has the labels"):
        counters([PARTS]).of(PARTS, ("filter",))


def test_a_metric_is_of_one_kind_only() -> None:
    kinds = {metric.name: metric.kind for metric in METRICS}
    assert len(kinds) == len(METRICS)
    with pytest.raises(KeyError):
        counters([PARTS]).of(STAGE_SECONDS, ("filter", "live"))
