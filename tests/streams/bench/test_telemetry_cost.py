from streams.bench.telemetry_cost import measure_telemetry_cost
from streams.commands.bench.embedded import CHEAP
from streams.pipeline import load_pipeline


def test_what_telemetry_costs_is_counted_over_the_calls_of_a_whole_run() -> None:
    measured = measure_telemetry_cost(load_pipeline(CHEAP), images=12)
    assert (measured.images, measured.stages) == (12, 3)
    assert measured.calls_per_image > 10
    assert measured.scrape_ms > 0
    assert measured.tracing is not None
    assert measured.tracing.path_us > 0
