"""Where spans stand: derived, so the same for every delivery of a message, and another for every retry and replay."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from streams.tracing.place import Delivery, context_of, place_of
from tests.events import NOON

DELIVERY = Delivery("acquisition", NOON, "live")
CAME = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_place_is_the_same_for_every_delivery_of_a_message() -> None:
    assert place_of(DELIVERY, CAME, "filter", "live", "p1") == place_of(replace(DELIVERY), CAME, "filter", "live", "p1")


def test_a_span_is_a_child_of_what_came_with_its_message() -> None:
    place = place_of(DELIVERY, CAME, "filter")
    assert (place.trace_id, place.parent, place.repeats) == (CAME[3:35], context_of(CAME), None)
    assert place.span_id != CAME[36:52]


def test_a_message_without_a_trace_begins_one() -> None:
    first, other = place_of(DELIVERY, None, "filter"), place_of(DELIVERY, None, "denoise")
    assert (first.parent, first.repeats) == (None, None)
    assert first.trace_id == other.trace_id == DELIVERY.trace_id
    assert first.span_id != other.span_id


@pytest.mark.parametrize(
    "changed",
    [
        {"lane": "replay"},
        {"retry_of": "letter"},
        {"replay_of": "event"},
        {"attempt": 2},
        {"acquisition_id": "other"},
        {"published_at": NOON + timedelta(microseconds=1)},
    ],
)
def test_every_delivery_has_a_trace_of_its_own(changed: dict[str, object]) -> None:
    assert replace(DELIVERY, **changed).trace_id != DELIVERY.trace_id  # type: ignore[arg-type]


def test_one_moment_is_one_trace_in_whatever_zone_it_was_written() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=9)))
    assert replace(DELIVERY, published_at=elsewhere).trace_id == DELIVERY.trace_id


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_the_edges_of_time_have_traces(edge: str) -> None:
    at = datetime.fromisoformat(edge)
    assert (
        replace(DELIVERY, published_at=at).trace_id != replace(DELIVERY, published_at=at.replace(tzinfo=UTC)).trace_id
    )


@pytest.mark.parametrize("mark", [{"replay_of": "event"}, {"retry_of": "letter", "attempt": 2}])
def test_a_replay_or_retry_links_what_it_repeats_and_its_later_stages_are_children(mark: dict[str, object]) -> None:
    again = replace(DELIVERY, **mark)  # type: ignore[arg-type]
    first = place_of(again, CAME, "filter")
    assert (first.trace_id, first.parent, first.repeats) == (again.trace_id, None, context_of(CAME))
    onward = f"00-{first.trace_id}-{first.span_id}-01"
    second = place_of(again, onward, "denoise")
    assert (second.trace_id, second.parent, second.repeats) == (first.trace_id, context_of(onward), None)


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "00-1-2-01",
        CAME.upper(),
        f"ff{CAME[2:]}",
        f"00-{'0' * 32}-{CAME[36:]}",
        f"{CAME[:36]}{'0' * 16}-01",
        CAME[:-1],
    ],
)
def test_a_traceparent_that_is_malformed_counts_as_none(malformed: str) -> None:
    assert place_of(DELIVERY, malformed, "filter") == place_of(DELIVERY, None, "filter")


def test_a_traceparent_of_a_later_version_is_read() -> None:
    assert context_of(f"01{CAME[2:]}-more") == context_of(CAME)
