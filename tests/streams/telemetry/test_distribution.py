import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, Summary, generate_latest

from streams.telemetry.catalogue import NOISE_SIGMA, STAGE_SECONDS
from streams.telemetry.distribution import Distribution, distributions
from tests.streams.telemetry.crowd import THREADS, TIMES, crowd

VALUES = st.lists(st.floats(0, 4000) | st.sampled_from(STAGE_SECONDS.buckets), max_size=30)


@given(VALUES)
def test_what_is_exported_is_what_prometheus_client_would_export(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    found = distributions([STAGE_SECONDS, NOISE_SIGMA])
    ours.register(found)
    stage = STAGE_SECONDS
    histogram = Histogram(stage.name, stage.meaning, stage.labels, registry=theirs, buckets=stage.buckets)
    summary = Summary(NOISE_SIGMA.name, NOISE_SIGMA.meaning, NOISE_SIGMA.labels, registry=theirs)
    for value in values:
        found.of(stage, ("filter", "live")).observe(value)
        histogram.labels("filter", "live").observe(value)
        found.of(NOISE_SIGMA, ("live", "sem-1")).observe(value)
        summary.labels("live", "sem-1").observe(value)
    assert _samples(ours) == _samples(theirs)


def _samples(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


def test_observations_of_many_threads_are_all_counted() -> None:
    distribution = Distribution((1.0, 2.0))

    crowd(lambda: distribution.observe(1.5))
    assert distribution.read() == ([0, THREADS * TIMES, THREADS * TIMES], 1.5 * THREADS * TIMES)


def test_a_series_with_other_labels_than_the_metric_has_is_refused() -> None:
    with pytest.raises(ValueError, match="semstream_stage_seconds has the labels"):
        distributions([STAGE_SECONDS]).of(STAGE_SECONDS, ("filter",))
