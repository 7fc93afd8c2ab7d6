from dataclasses import replace

import pytest

from schemas.headers import BadHeaders, Headers
from tests.events import NOON

HEADERS = Headers("id-1", "sem.image.v1", "/feed", "image-1", NOON)


def test_headers_survive_the_wire() -> None:
    full = replace(HEADERS, traceparent="00-ab", replay_of="id-0", retry_of="id-9", attempt=3)
    assert Headers.from_wire(full.to_wire()) == full


def test_unknown_headers_are_kept_in_order_even_when_empty_or_repeated() -> None:
    extra = (("x-site", b"fab 2"), ("x-site", None), ("other", b""))
    assert Headers.from_wire([*HEADERS.to_wire(), *extra]).extra == extra


def test_the_next_event_keeps_subject_and_replay_mark() -> None:
    first = replace(HEADERS, replay_of="id-0", attempt=2)
    following = first.followed_by(id="id-2", type="sem.image.v1", source="/filter", time=NOON)
    assert (following.subject, following.replay_of, following.attempt) == ("image-1", "id-0", 2)
    assert following.id == "id-2"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ce_id", b"", "missing header ce_id"),
        ("ce_time", b"yesterday", "ISO 8601"),
        ("ce_type", b"\xff\xfe", "not UTF-8"),
        ("x_attempt", b"-1", "positive"),
        ("x_attempt", b"0", "positive"),
    ],
)
def test_bad_headers_are_named(name: str, value: bytes, reason: str) -> None:
    wire = [*((n, v) for n, v in HEADERS.to_wire() if n != name), (name, value)]
    with pytest.raises(BadHeaders, match=reason):
        Headers.from_wire(wire)
