"""Traces: one span where an image is published and one at every stage, from which a trace viewer draws its way."""

from streams.tracing.span import Span, Tracer

__all__ = ["Span", "Tracer"]
