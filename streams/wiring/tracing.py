"""Who is told of spans: nobody, unless the standard variables of OpenTelemetry name somebody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from streams.errors import UsageError
from streams.settings import traces_wanted
from streams.tracing import Tracer
from streams.tracing.publishing import TracedPublisher
from streams.transport import Publisher
from streams.wiring.process import utc_now

INSTALL = "pip install 'semstream[tracing]', or set OTEL_TRACES_EXPORTER=none"


def traced(publisher: Publisher, tracer: Tracer | None) -> Publisher:
    """Let the images of a publisher begin traces, where anybody is told of them."""
    return TracedPublisher(publisher, tracer, utc_now) if tracer else publisher


def discarding() -> tuple[Tracer, Callable[[], object]] | None:
    """Return a tracer for benchmarks and what lets it encode its spans at once; None without OpenTelemetry."""
    try:
        from streams.adapters.otel_tracer import discarding as found  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        return None
    return found()


@contextmanager
def tracing() -> Iterator[Tracer | None]:
    """Yield who is told of spans, or None; OpenTelemetry is imported only where somebody is.

    Raises
    ------
    UsageError
        If traces are asked for in a form that is not spoken, or OpenTelemetry is not installed.
    """
    if not traces_wanted():
        yield None
        return
    try:
        from streams.adapters.otel_tracer import OtelTracer, exporting  # noqa: PLC0415 - an extra, and half a second
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise UsageError(f"the OTEL_ variables ask for traces, which need OpenTelemetry: {INSTALL}") from error
    try:
        tracer = OtelTracer(exporting())
    except ValueError as error:
        raise UsageError(f"OpenTelemetry refuses the value of an OTEL_ variable: {error}") from error
    try:
        yield tracer
    finally:
        tracer.close()
