"""What OpenTelemetry makes of the standard variables, with the ids that are given to it."""

import pytest
import structlog
from opentelemetry.util.re import parse_env_headers

from streams.adapters.otel_tracer import exporting
from streams.errors import UsageError
from streams.tracing.place import Delivery, place_of
from streams.tracing.span import Role
from streams.wiring.tracing import tracing
from tests.events import NOON
from tests.spans import kept_spans, traceparent_of


def test_a_sampler_by_ratio_keeps_its_share_of_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    with kept_spans() as kept:
        for number in range(400):
            place = place_of(Delivery(f"acquisition-{number}", NOON, "live"), None, "publish")
            span = kept.tracer.begin("publish", place, Role.PUBLISHES, NOON, {})
            span.end(NOON, {})
    assert 80 < len(kept.spans()) < 120  # always the same number: ids are derived


def test_a_span_has_the_ids_and_the_times_that_are_given() -> None:
    place = place_of(Delivery("acquisition", NOON, "live"), None, "publish")
    with kept_spans() as kept:
        span = kept.tracer.begin("publish", place, Role.PUBLISHES, NOON, {"semstream.lane": "live"})
        span.end(NOON, {})
    (told,) = kept.spans()
    assert span.traceparent == traceparent_of(told) == f"00-{place.trace_id}-{place.span_id}-01"
    assert told.start_time == told.end_time == int(NOON.timestamp()) * 1_000_000_000


def test_a_variable_that_opentelemetry_refuses_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")
    with pytest.raises(UsageError, match="OpenTelemetry refuses the value of an OTEL_ variable"), tracing():
        pass


def test_what_opentelemetry_complains_of_in_a_header_is_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    processor = exporting()
    with structlog.testing.capture_logs() as logs:
        parse_env_headers("Authorization: Bearer SECRET", liberal=True)
    processor.shutdown()
    (line,) = logs
    assert line["reason"].startswith("Header format invalid!")
    assert "SECRET" not in str(logs)
