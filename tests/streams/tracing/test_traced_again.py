"""What replay and `dlq retry` send begins traces of its own, although neither command knows of tracing."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from schemas.events import ImageEvent
from schemas.headers import Headers
from streams.deadletters import Criteria, retries
from streams.replay import First, replayed_event
from streams.transport import Message, Outgoing
from tests.events import NOON
from tests.memory_log import MemoryLog
from tests.spans import Kept, kept_spans
from tests.toys import toy_file
from tests.workbench import BLACK, P0, Bench

CAME = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def kept(bench: Bench) -> Iterator[Kept]:
    with kept_spans() as kept:
        bench.tracer = kept.tracer
        yield kept


def traced(message: Message) -> Message:
    return replace(message, headers=replace(Headers.from_wire(message.headers), traceparent=CAME).to_wire())


def sent(outgoing: Outgoing) -> Message:
    return Message(P0, 99, 0, outgoing.key, outgoing.value, outgoing.headers)


def is_linked(span: ReadableSpan) -> bool:
    linked = [f"{link.context.trace_id:032x}" for link in span.links]
    return span.parent is None and linked == [CAME[3:35]] and f"{trace_of(span):032x}" not in linked


def trace_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.trace_id)


def test_a_replay_is_linked_to_the_first_publication(bench: Bench, kept: Kept) -> None:
    message = traced(bench.published(toy_file(1)))
    event = ImageEvent.from_json(message.value or b"")
    first = First(Headers.from_wire(message.headers), event, message.key, message.value or b"", 0)
    bench.answers(message)
    kept.forget()
    for _ in range(2):
        bench.answers(sent(replayed_event(first, "replay", "sem.replay.images", NOON)))
    spans = kept.spans("shade")
    assert [is_linked(span) for span in spans] == [True, True]
    assert trace_of(spans[0]) == trace_of(spans[1])


def test_a_retry_is_linked_to_the_publication_whose_image_was_rejected(bench: Bench, kept: Kept) -> None:
    (letter,) = bench.answers(traced(bench.published(BLACK)))
    kept.forget()
    log = MemoryLog()
    log.publish([letter])
    (retry,) = retries(log, Criteria())
    assert retry.message is not None
    bench.answers(sent(retry.message))
    (span,) = kept.spans("shade")
    assert is_linked(span)
    assert dict(span.attributes or {})["semstream.attempt"] == 2
