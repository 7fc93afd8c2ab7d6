"""What a worker tells of the images it answers, and what their events carry."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from schemas.headers import Headers
from streams.transport import Message, Outgoing, Positions
from tests.spans import Kept, kept_spans, traceparent_of
from tests.toys import toy_file
from tests.workbench import BLACK, P0, Bench

CAME = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def kept(bench: Bench) -> Iterator[Kept]:
    with kept_spans() as kept:
        bench.tracer = kept.tracer
        yield kept


def carrying(message: Message, traceparent: str | None, **marks: str | int) -> Message:
    headers = replace(Headers.from_wire(message.headers), traceparent=traceparent, **marks)  # type: ignore[arg-type]
    return replace(message, headers=headers.to_wire())


def carried(event: Outgoing) -> str | None:
    return Headers.from_wire(event.headers).traceparent


def test_an_answer_carries_the_span_of_its_stage_which_is_a_child_of_what_came(bench: Bench, kept: Kept) -> None:
    (event,) = bench.answers(carrying(bench.published(toy_file(1)), CAME))
    (span,) = kept.spans("shade")
    assert carried(event) == traceparent_of(span)
    assert span.parent is not None
    assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (CAME[3:35], CAME[36:52])
    assert (span.kind, span.status.status_code) == (SpanKind.CONSUMER, StatusCode.UNSET)


def test_a_span_says_which_image_it_is_about_and_what_became_of_it(bench: Bench, kept: Kept) -> None:
    (event,) = bench.answers(bench.published(toy_file(1)))
    (span,) = kept.spans("shade")
    facts = dict(span.attributes or {})
    assert facts["semstream.image_id"] == Headers.from_wire(event.headers).subject
    said = ("stage", "lane", "pipeline", "attempt", "outcome", "source", "batch")
    assert [facts[f"semstream.{name}"] for name in said] == ["shade", "live", "p1", 1, "done", "computed", 1]
    assert (facts["messaging.destination.name"], facts["messaging.kafka.offset"]) == ("sem.images", 1)
    assert span.resource.attributes["service.name"] == "semstream"


def test_what_was_known_is_told_as_cached_and_computed_nothing(bench: Bench, kept: Kept) -> None:
    message = bench.published(toy_file(1))
    bench.answers(message)
    kept.forget()
    bench.answers(message)
    (span,) = kept.spans("shade")
    facts = dict(span.attributes or {})
    assert (facts["semstream.source"], facts["semstream.parts.computed"]) == ("cached", 0)


def test_the_same_message_is_answered_by_the_same_event_to_the_byte(bench: Bench, kept: Kept) -> None:
    message = carrying(bench.published(toy_file(1)), CAME)
    (first,) = bench.answers(message)
    bench.forget_memory()
    bench.tracer = kept.tracer
    (again,) = bench.answers(message)
    assert first.headers == again.headers


def test_a_span_is_told_of_only_when_its_answer_is_committed(bench: Bench, kept: Kept) -> None:
    message = bench.published(toy_file(1))
    worker = bench.worker()
    answers = worker.answer([message])
    assert kept.spans() == []
    worker.publish(answers, Positions({P0: message.offset + 1}))
    assert len(kept.spans("shade")) == 1


def test_the_parts_of_a_span_are_its_children(bench: Bench, kept: Kept) -> None:
    bench.answers(bench.published(toy_file(1)))
    (span,) = kept.spans("shade")
    parts = kept.spans("recall", "compute", "store", "settle", "commit")
    assert [part.name for part in parts] == ["recall", "compute", "store", "settle", "commit"]
    assert {part.parent.span_id for part in parts if part.parent} == {span.context.span_id if span.context else 0}
    assert len({part.context.span_id for part in parts if part.context}) == len(parts)


def test_a_rejected_image_s_letter_carries_the_span_that_says_why(bench: Bench, kept: Kept) -> None:
    (letter,) = bench.answers(bench.published(BLACK))
    (span,) = kept.spans("shade")
    assert letter.topic == "sem.deadletter"
    assert carried(letter) == traceparent_of(span)
    assert (span.status.status_code, bool(span.status.description)) == (StatusCode.ERROR, True)
    assert dict(span.attributes or {})["semstream.outcome"] == "rejected"


def test_a_retry_begins_a_trace_of_its_own_with_a_link_to_the_first(bench: Bench, kept: Kept) -> None:
    message = carrying(bench.published(toy_file(1)), CAME, retry_of="letter", attempt=2)
    (event,) = bench.answers(message)
    (span,) = kept.spans("shade")
    assert span.parent is None
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [CAME[3:35]]
    assert CAME[3:35] not in (carried(event) or "")


def test_a_trace_that_nobody_keeps_goes_on_and_nothing_is_told(bench: Bench, kept: Kept) -> None:
    (event,) = bench.answers(carrying(bench.published(toy_file(1)), f"{CAME[:-1]}0"))
    assert kept.spans() == []
    assert (carried(event) or "").startswith(CAME[:36])
    assert (carried(event) or "").endswith("-00")


def test_without_a_tracer_what_came_goes_on_unchanged(bench: Bench) -> None:
    messages = [carrying(bench.published(toy_file(number)), came) for number, came in ((1, CAME), (2, None))]
    assert [carried(event) for event in bench.answers(*messages)] == [CAME, None]
