"""A publisher of images whose messages carry the trace that begins with them."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial

from schemas.headers import Headers
from streams.deadletters import lane_of
from streams.tracing.harmless import Harmless
from streams.tracing.place import Delivery, place_of
from streams.tracing.span import Facts, Role, Span, Tracer
from streams.transport import Outgoing, Publisher

PUBLISH = "publish"


class TracedPublisher:
    """Publishes through another publisher; a span lasts from when an image was announced until the brokers have it."""

    def __init__(self, publisher: Publisher, tracer: Tracer, now: Callable[[], datetime]) -> None:
        self._publisher = publisher
        self._tracer = tracer
        self._now = now
        self._harmless = Harmless()

    def publish(self, events: Iterable[Outgoing]) -> None:
        """Publish."""
        traced = [self._traced(event) for event in events]
        self._publisher.publish([event for event, _ in traced])
        ended = self._now()
        for span in [span for _, span in traced if span]:
            self._harmless(partial(span.end, ended, {}))

    def close(self) -> None:
        """Release the connection."""
        self._publisher.close()

    def _traced(self, event: Outgoing) -> tuple[Outgoing, Span | None]:
        return self._harmless(lambda: self._begun(event)) or (event, None)

    def _begun(self, event: Outgoing) -> tuple[Outgoing, Span]:
        headers = Headers.from_wire(event.headers)
        lane = lane_of(event.topic)
        delivery = Delivery(headers.id, headers.time, lane, headers.replay_of, headers.retry_of, headers.attempt)
        place = place_of(delivery, headers.traceparent, PUBLISH, lane)
        facts: Facts = {
            "semstream.lane": lane,
            "semstream.image_id": headers.subject,
            "semstream.acquisition_id": headers.id,
            "semstream.attempt": headers.attempt,
            "messaging.system": "kafka",
            "messaging.destination.name": event.topic,
        }
        span = self._tracer.begin(PUBLISH, place, Role.PUBLISHES, headers.time, facts)
        return replace(event, headers=replace(headers, traceparent=span.traceparent).to_wire()), span
