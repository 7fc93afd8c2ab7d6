"""Messages that no honest producer sends; each with a part of the one line that has to be said of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson

from streams.transport import Message, Partition
from tests.events import NOON, headers_of, image_event

EVENT = image_event()
GOOD = Message(Partition("sem.images", 3), 7, 1234, b"key", EVENT.to_json(), headers_of(EVENT).to_wire())


@dataclass(frozen=True)
class HostileEvent:
    """A message and the reason that its dead letter gives."""

    name: str
    build: Callable[[], Message]
    reason: str


def saying(name: str, reason: str, **changes: Any) -> HostileEvent:
    """Change fields of the event; ``image__page`` is the field ``page`` in ``image``."""
    return HostileEvent(name, lambda: replace(GOOD, value=orjson.dumps(changed(changes))), reason)


def changed(changes: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = orjson.loads(EVENT.to_json())
    for path, value in changes.items():
        *outer, last = path.split("__")
        place = fields
        for step in outer:
            place = place[step]
        place[last] = value
    return fields


def valued(name: str, value: Callable[[], bytes | None], reason: str) -> HostileEvent:
    """Send another value."""
    return HostileEvent(name, lambda: replace(GOOD, value=value()), reason)


def headed(name: str, header: str, value: bytes | None, reason: str) -> HostileEvent:
    """Send another header."""
    headers = [(n, v) for n, v in GOOD.headers if n != header]
    return HostileEvent(name, lambda: replace(GOOD, headers=[*headers, (header, value)]), reason)


def with_text(key: bytes, text: bytes) -> bytes:
    """Put bytes where a text stands that JSON libraries would not write."""
    return EVENT.to_json().replace(key, text)


VALUES = (
    valued("tombstone", lambda: None, "there is no value"),
    valued("empty", lambda: b"", "there is no value"),
    valued("no_json", lambda: b"hello", "Invalid JSON"),
    valued("pickle", lambda: b"\x80\x04\x95\x0f\x00\x00\x00", "Invalid JSON"),
    valued("not_utf_8", lambda: with_text(b"a.tif", b"\xff\xfe.tif"), "Invalid JSON"),
    valued("utf_16", lambda: EVENT.to_json().decode().encode("utf-16"), "Invalid JSON"),
    valued("lone_surrogate", lambda: with_text(b"a.tif", b"\\ud800.tif"), "Invalid JSON"),
    valued("an_array", lambda: b"[]", "Input should be an object"),
    valued("a_number", lambda: b"7", "Input should be an object"),
    valued("cut_short", lambda: EVENT.to_json()[:-40], "Invalid JSON"),
    valued("a_million_brackets", lambda: b"[" * 900_000, "Invalid JSON"),
    valued("deep_results", lambda: with_text(b'"results":{}', b'"results":{"x":' + b"[" * 5000), "Invalid JSON"),
    valued("ten_megabytes", lambda: bytes(10 << 20), "an event of 10485760 bytes; 1000000 can travel"),
    valued("nan", lambda: with_text(b'"pixel_size_nm":null', b'"pixel_size_nm":NaN'), "image.pixel_size_nm"),
    valued("nameless_newline", lambda: b'{"image": {"\\n\\u0000": 1}}', "acquisition: Field required"),
)

FIELDS = (
    saying("schema_of_another_major", "schema version 205 is unknown here", schema_version=205),
    saying("schema_of_no_major", "schema version 0 is unknown here", schema_version=0),
    saying("schema_below_zero", "schema version -1 is unknown here", schema_version=-1),
    saying(
        "another_major_with_other_fields", "schema version 301 is unknown here", schema_version=301, acquisition="new"
    ),
    saying("schema_is_text", "schema_version: Input should be a valid integer", schema_version="latest"),
    saying("key_climbs_out", "image.object.key", image__object__key="raw/../../etc/passwd"),
    saying("key_from_the_root", "image.object.key", image__object__key="/etc/passwd"),
    saying("key_with_a_zero_byte", "image.object.key", image__object__key="raw/a\0.tif"),
    saying("key_with_a_backslash", "image.object.key", image__object__key="raw\\..\\x"),
    saying("key_without_end", "image.object.key", image__object__key="a" * 600),
    saying("bucket_is_an_address", "image.object.bucket", image__object__bucket="evil.example:9000/x"),
    saying("bucket_climbs_out", "image.object.bucket", image__object__bucket="../sem"),
    saying("store_is_a_url", "image.object.store", image__object__store="http://evil.example"),
    saying("digest_is_none", "image.object.sha256", image__object__sha256="0"),
    saying("negative_size", "image.object.size_bytes", image__object__size_bytes=-1),
    saying("negative_page", "image.page", image__page=-1),
    saying("no_page_of_this_image", "image.image_id", image__page=1),
    saying("identity_of_another_image", "image.image_id", image__image_id="cd" * 16 + "-0"),
    saying("identity_of_a_megabyte", "image.image_id", image__image_id="x" * 900_000),
    saying("version_with_a_colon", "image.version is no identity", image__version="v1:filter"),
    saying("version_with_a_zero_byte", "image.version is no identity", image__version="v\0"),
    saying("acquisition_of_nothing", "acquisition.acquisition_id is no identity", acquisition__acquisition_id=""),
    saying("acquisition_with_a_newline", "acquisition.acquisition_id is no", acquisition__acquisition_id="a\nb"),
    saying("name_with_a_zero_byte", "acquisition.source_name holds", acquisition__source_name="a\0.tif"),
    saying("name_without_end", "acquisition.source_name holds", acquisition__source_name="a" * 5000),
    saying("published_before_time", "published_at 0001-01-01", acquisition__published_at="0001-01-01T00:00:00+01:00"),
    saying("published_before_1970", "is before 1970; set", acquisition__published_at="1969-12-31T23:59:59Z"),
    saying("published_after_time", "is in the future", acquisition__published_at="9999-12-31T23:59:59-01:00"),
    saying(
        "published_by_a_future_clock",
        "acquisition.published_at",
        acquisition__published_at=(NOON + timedelta(hours=25)).isoformat(),
    ),
    saying("published_without_zone", "has no zone; write", acquisition__published_at="2026-01-02T12:00:00"),
    saying("instrument_with_markup", "image.instrument_id", image__instrument_id="<script>"),
)

HEADERS = (
    headed("another_type", "ce_type", b"sem.image.v2", "an event of type 'sem.image.v2', not sem.image.v1"),
    headed("type_on_two_lines", "ce_type", b"a\nb\x1b[2J", "an event of type 'a b\\x1b[2J', not"),
    headed("type_without_end", "ce_type", b"x" * 20_000, "an event of type 'xxx"),
    headed("type_is_not_utf_8", "ce_type", b"\xff\xfe", "header ce_type is not UTF-8"),
    headed("no_identity", "ce_id", None, "missing header ce_id"),
    headed("time_is_no_time", "ce_time", b"yesterday", "header ce_time is no ISO 8601 time"),
    headed("time_without_zone", "ce_time", b"2026-01-02T12:00:00", "header ce_time has no zone"),
    headed("future_clock", "ce_time", (NOON + timedelta(hours=25)).isoformat().encode(), "in the future"),
    headed("the_end_of_time", "ce_time", b"9999-12-31T23:59:59-14:00", "in the future"),
    headed("attempt_zero", "x_attempt", b"0", "header x_attempt is no positive number"),
    headed("half_a_megabyte_of_header", "x_lab", bytes(500_000), "key and headers of"),
    HostileEvent("long_key", lambda: replace(GOOD, key=bytes(40_000)), "key and headers of"),
    HostileEvent(
        "a_hundred_thousand_headers", lambda: replace(GOOD, headers=[("x", b"")] * 100_000), "key and headers of"
    ),
    HostileEvent("no_headers", lambda: replace(GOOD, headers=[]), "missing header ce_id, ce_type"),
)

CORPUS = (*VALUES, *FIELDS, *HEADERS)
"""Messages for the tests of every layer. A foreign bucket of a good name is the object store's to refuse."""

ODD = (
    HostileEvent(
        "clock_a_day_ahead", headed("", "ce_time", (NOON + timedelta(hours=23)).isoformat().encode(), "").build, ""
    ),
    HostileEvent("clock_at_the_beginning", headed("", "ce_time", b"0001-01-01T00:00:00+14:00", "").build, ""),
    saying("a_later_minor", "", schema_version=199, of_tomorrow={"x": 1}),
    saying("odd_name", "", acquisition__source_name="a\n\u202e\x1b[2J.tif"),
    headed("unknown_header", "x_lab", b"\xff\x00", ""),
)
"""Odd, but to be believed."""
