"""What a traced publisher adds to the messages of images, and when it tells of them."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from schemas.headers import Headers
from streams.errors import TransientError
from streams.intake import message_of
from streams.job import Desk, parse
from streams.pipeline import Step
from streams.retries import Attempts, Retrying
from streams.tracing.hops import Hops
from streams.tracing.publishing import TracedPublisher
from streams.transport import Message, Outgoing, Partition
from tests.events import NOON, image_event
from tests.spans import kept_spans, traceparent_of
from tests.toys import Shade


class Brokers:
    """A publisher that keeps what it is given, or refuses."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.away = False

    def publish(self, events: Iterable[Outgoing]) -> None:
        if self.away:
            raise TransientError("the brokers do not answer")
        self.sent += events

    def close(self) -> None:
        pass


EVENT = message_of(image_event(), "sem.images")


def test_a_message_carries_the_span_of_its_publication_and_is_otherwise_the_same() -> None:
    brokers = Brokers()
    with kept_spans() as kept:
        TracedPublisher(brokers, kept.tracer, lambda: NOON).publish([EVENT])
    (span,), (sent,) = kept.spans(), brokers.sent
    assert dict(sent.headers)["traceparent"] == traceparent_of(span).encode()
    assert [pair for pair in sent.headers if pair[0] != "traceparent"] == list(EVENT.headers)
    assert (sent.topic, sent.key, sent.value) == (EVENT.topic, EVENT.key, EVENT.value)


def test_what_is_published_again_is_the_same_message_and_a_failure_is_not_told() -> None:
    brokers = Brokers()
    with kept_spans() as kept:
        publisher = TracedPublisher(brokers, kept.tracer, lambda: NOON)
        brokers.away = True
        with pytest.raises(TransientError):
            publisher.publish([EVENT])
        assert kept.spans() == []
        brokers.away = False
        publisher.publish([EVENT])
        publisher.publish([EVENT])
    assert brokers.sent[0] == brokers.sent[1]
    assert len(kept.spans()) == 2


def test_an_image_that_is_published_at_a_later_attempt_has_one_trace_with_its_stages(tmp_path: Path) -> None:
    brokers = Brokers()
    with kept_spans() as kept:
        attempts = Attempts(tmp_path / "retries.jsonl", "p1")
        traced = TracedPublisher(brokers, kept.tracer, lambda: NOON)
        Retrying(traced, attempts, lambda acquisition_id, attempt: True).publish([EVENT])
        (sent,) = brokers.sent
        message = Message(Partition("sem.images", 0), 0, 0, sent.key, sent.value, sent.headers)
        desk = Desk(Step(Shade(), "sem.images", "sem.shaded"), "live", "p1")
        begun = Hops(kept.tracer, desk, lambda: NOON).begun(parse(message, desk, now=NOON))
    assert begun is not None
    assert Headers.from_wire(sent.headers).attempt == 2
    assert begun.traceparent[:36] == traceparent_of(kept.spans("publish")[0])[:36]
