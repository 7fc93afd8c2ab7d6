"""Spans that are kept, in memory or by a collector, for tests that look at what is told."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan
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


class Collecting:
    """A collector: what it was sent over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[bytes] = []

    def resources(self) -> list[ResourceSpans]:
        """Return what was sent, by the process that sent it."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [found for request in requests for found in request.resource_spans]

    def spans(self, *names: str) -> list[SentSpan]:
        """Return the spans of these names; all of them without any."""
        scopes = (scope for resource in self.resources() for scope in resource.scope_spans)
        return [span for scope in scopes for span in scope.spans if not names or span.name in names]


@contextmanager
def collector() -> Iterator[Collecting]:
    """Serve what takes spans over HTTP, and keeps them."""
    collecting = Collecting("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collecting.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collecting.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collecting
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
