"""Spans kept in memory, for tests that look at what would be sent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from streams.adapters.otel_tracer import OtelTracer


class Kept:
    """A tracer, and what it told."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer = OtelTracer(SimpleSpanProcessor(self._exporter))

    def spans(self, *names: str) -> Sequence[ReadableSpan]:
        """Return the spans of these names; all of them without any."""
        return [span for span in self._exporter.get_finished_spans() if not names or span.name in names]

    def forget(self) -> None:
        """Forget what was told."""
        self._exporter.clear()


@contextmanager
def kept_spans() -> Iterator[Kept]:
    """Yield a tracer that keeps what it is told."""
    kept = Kept()
    yield kept
    kept.tracer.close()


def traceparent_of(span: ReadableSpan) -> str:
    """Return how messages name a span."""
    assert span.context is not None
    return f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"
