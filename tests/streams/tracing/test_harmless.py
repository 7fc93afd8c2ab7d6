"""A tracer that fails: images go on without spans, and that is said once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import structlog

from streams.tracing import Span
from streams.tracing.place import Place
from streams.tracing.publishing import TracedPublisher
from streams.tracing.span import Facts, Phase, Role
from tests.events import NOON
from tests.streams.tracing.test_traced_publisher import EVENT, Brokers
from tests.toys import toy_file
from tests.workbench import Bench


class EndsBadly:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    def end(self, at: object, facts: Facts, *, phases: Sequence[Phase] = (), failure: str | None = None) -> None:
        raise RuntimeError("the span cannot end")


@dataclass
class Fails:
    """A tracer that fails where a span begins, or where it ends."""

    begins: bool
    begun: list[str] = field(default_factory=list)

    def begin(self, name: str, place: Place, role: Role, at: object, facts: Facts) -> Span:
        self.begun.append(name)
        if not self.begins:
            raise OverflowError("date value out of range")
        return EndsBadly()

    def close(self) -> None:
        pass


@pytest.mark.parametrize("begins", [False, True])
def test_a_stage_answers_although_its_tracer_fails(bench: Bench, begins: bool) -> None:
    plain = bench.answers(bench.published(toy_file(1)))
    failing = bench.tracer = Fails(begins)
    with structlog.testing.capture_logs() as logs:
        traced = [bench.answers(bench.published(toy_file(number))) for number in (1, 2, 3)]
    assert len(failing.begun) >= 3
    assert [event.topic for event in traced[0]] == [event.topic for event in plain]
    assert "span_lost" in [line["event"] for line in logs]


@pytest.mark.parametrize("begins", [False, True])
def test_images_are_published_although_the_tracer_fails_and_it_is_said_once(begins: bool) -> None:
    brokers = Brokers()
    with structlog.testing.capture_logs() as logs:
        TracedPublisher(brokers, Fails(begins), lambda: NOON).publish([EVENT, EVENT])
    assert [event.value for event in brokers.sent] == [EVENT.value, EVENT.value]
    assert [line["event"] for line in logs] == ["span_lost"]
