"""Spans by OpenTelemetry, sent by OTLP over HTTP. What the standard variables say is read by OpenTelemetry itself."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.metadata import version

import structlog
from opentelemetry.context import Context as Around
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import Tracer as OtelTracing
from opentelemetry.trace.propagation import set_span_in_context

from streams.tracing.place import Context, Place, within
from streams.tracing.span import Facts, Phase, Role

KINDS = {Role.PUBLISHES: SpanKind.PRODUCER, Role.ANSWERS: SpanKind.CONSUMER}
CLOSE_S = 3.0
HINT = "images go on without; look at the collector and OTEL_EXPORTER_OTLP_ENDPOINT, or set OTEL_TRACES_EXPORTER=none"
READS_VARIABLES = "opentelemetry.util.re"
NOWHERE = Around()
"""No span is around ours but the one that is said to be its parent."""

log = structlog.get_logger()


def exporting() -> SpanProcessor:
    """Return what collects spans and sends them in batches, to where the standard variables say."""
    logger = logging.getLogger("opentelemetry")
    logger.handlers, logger.propagate = [_Troubles()], False
    return BatchSpanProcessor(OTLPSpanExporter())


class _Discarding(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Encode them as if they were sent."""
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


def discarding() -> tuple["OtelTracer", Callable[[], object]]:
    """Return a tracer whose spans are encoded and thrown away, and what does that at once: for benchmarks."""
    processor = BatchSpanProcessor(_Discarding())
    return OtelTracer(processor), processor.force_flush


class OtelTracer:
    """Tells of spans; each has the ids of its place."""

    def __init__(self, processor: SpanProcessor) -> None:
        named = Resource({"service.name": "semstream", "service.version": version("semstream")})
        self._ids = _GivenIds()
        self._provider = TracerProvider(
            id_generator=self._ids, resource=named.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("semstream", version("semstream"))

    def begin(self, name: str, place: Place, role: Role, at: datetime, facts: Facts) -> "_Begun":
        """Begin a span at its place in a trace."""
        around = _around(place.parent) if place.parent else NOWHERE
        links = [Link(_named(place.repeats))] if place.repeats else []
        self._ids.give(place.trace_id, place.span_id)
        span = self._tracer.start_span(name, around, KINDS[role], facts, links, _nanoseconds(at))
        return _Begun(span, self._tracer, self._ids)

    def close(self) -> None:
        """Send what is left, and wait a few seconds for that at the most.

        Where nobody collects, the library would go on trying for half a minute.
        """
        closing = threading.Thread(target=self._provider.shutdown, name="tracer-close", daemon=True)
        closing.start()
        closing.join(CLOSE_S)


class _Begun:
    def __init__(self, span: OtelSpan, tracer: OtelTracing, ids: "_GivenIds") -> None:
        self._span = span
        self._tracer = tracer
        self._ids = ids

    @property
    def traceparent(self) -> str:
        """What the messages carry that come of it."""
        named = self._span.get_span_context()
        return f"00-{named.trace_id:032x}-{named.span_id:016x}-{named.trace_flags:02x}"

    def end(self, at: datetime, facts: Facts, *, phases: Sequence[Phase] = (), failure: str | None = None) -> None:
        """Tell of it, and of its parts."""
        if not self._span.is_recording():
            return
        named = self._span.get_span_context()
        around = set_span_in_context(self._span, NOWHERE)
        for phase in phases:
            self._ids.give(f"{named.trace_id:032x}", within(f"{named.span_id:016x}", phase.name))
            part = self._tracer.start_span(phase.name, around, start_time=_nanoseconds(phase.begun))
            part.end(_nanoseconds(phase.ended))
        self._span.set_attributes(facts)
        if failure is not None:
            self._span.set_status(Status(StatusCode.ERROR, failure))
        self._span.end(_nanoseconds(at))


class _GivenIds(IdGenerator):
    """Gives the ids that the calling thread has been told to give next."""

    def __init__(self) -> None:
        self._next = threading.local()

    def give(self, trace_id: str, span_id: str) -> None:
        """Say which ids the next span has."""
        self._next.trace_id, self._next.span_id = int(trace_id, 16), int(span_id, 16)

    def generate_trace_id(self) -> int:
        """Return that of the next span, where it has no parent to take it from."""
        return int(self._next.trace_id)

    def generate_span_id(self) -> int:
        """Return that of the next span."""
        return int(self._next.span_id)


class _Troubles(logging.Handler):
    """Lets what the exporter complains of stand among the logs of this process."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        if record.levelno >= logging.WARNING:
            log.warning("spans_not_sent", reason=" ".join(_told(record).split()), hint=HINT)


def _told(record: logging.LogRecord) -> str:
    """Return what is complained of; what reads the variables quotes them, and headers are secrets."""
    if record.name == READS_VARIABLES:
        return str(record.msg).replace("%s", "(not shown: it may be a secret)")
    return record.getMessage()


def _around(context: Context) -> Around:
    return set_span_in_context(NonRecordingSpan(_named(context)), NOWHERE)


def _named(context: Context) -> SpanContext:
    flags = TraceFlags(context.flags)
    return SpanContext(int(context.trace_id, 16), int(context.span_id, 16), is_remote=True, trace_flags=flags)


def _nanoseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000) * 1000
