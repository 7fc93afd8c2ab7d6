import base64
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import DeadLetter, ImageEvent
from schemas.headers import Headers
from schemas.image import event_id_of
from streams.errors import InvalidImage
from streams.job import Desk, Job, dead_letter, done_event, parse
from streams.pipeline import Step
from streams.ports import State
from streams.transport import Message, Partition
from tests.events import NOON, headers_of, image_event
from tests.hostile.events import CORPUS, ODD, HostileEvent
from tests.toys import Pick, Shade

DESK = Desk(Step(Shade(), "sem.images", "sem.shaded"), "live", "p1")
EVENT = image_event()
P3 = Partition("sem.images", 3)


def parsed(sent: Message) -> Job:
    return parse(sent, DESK, now=NOON)


def message(*, attempt: int = 1, headers: Headers | None = None) -> Message:
    wire = (headers or headers_of(EVENT, attempt=attempt)).to_wire()
    return Message(P3, 7, 1234, b"key", EVENT.to_json(), wire)


def test_a_message_is_a_job_for_every_part_of_the_stage() -> None:
    job = parsed(message())
    assert job.event == EVENT
    assert job.missing == ("half", "quarter")
    known = replace(job, records={"half": EVENT})
    assert known.missing == ("quarter",)


def test_outcomes_are_keyed_by_image_version_stage_and_configuration() -> None:
    job = parsed(message())
    keys = {job.key(DESK, part) for part in job.parts}
    other = replace(job, event=EVENT.but(image=EVENT.image.but(version="v2")))
    assert len(keys | {other.key(DESK, part) for part in other.parts}) == 4
    prefix = f"{EVENT.image.image_id}:{EVENT.image.version}:shade:"
    assert all(key.startswith(prefix) for key in keys)
    copy = replace(job, event=EVENT.but(acquisition=EVENT.acquisition.but(source_name="copy.tif")))
    assert {copy.key(DESK, part) for part in copy.parts} == keys


def test_an_answer_is_identified_by_acquisition_stage_lane_pipeline_and_attempt() -> None:
    job = parsed(message())
    ids = {
        job.settlement_id(DESK),
        job.settlement_id(replace(DESK, lane="replay")),
        job.settlement_id(replace(DESK, pipeline="p2")),
        job.settlement_id(replace(DESK, step=Step(Pick(), "a", "b"))),
        parsed(message(attempt=2)).settlement_id(DESK),
    }
    assert len(ids) == 5
    assert parsed(replace(message(), offset=99)).settlement_id(DESK) in ids


def test_a_rejected_job_is_settled_with_its_reason() -> None:
    job = parsed(message())
    assert job.settlement(DESK, NOON).state is State.DONE
    rejected = replace(job, rejection="too dark").settlement(DESK, NOON)
    assert (rejected.state, rejected.reason, rejected.source_name) == (State.REJECTED, "too dark", "a.tif")


def test_the_event_of_a_finished_job_is_the_same_for_every_delivery() -> None:
    job = parsed(message())
    event = done_event(job, EVENT, DESK, NOON)
    headers = Headers.from_wire(event.headers)
    acquisition = EVENT.acquisition.acquisition_id
    assert headers.id == event_id_of(acquisition, "shade", "live", "p1")
    assert (event.topic, event.key, headers.source, headers.subject) == (
        "sem.shaded",
        b"key",
        "/shade",
        EVENT.image.image_id,
    )
    assert done_event(parsed(replace(message(), offset=99)), EVENT, DESK, NOON) == event


def test_marks_of_retry_replay_and_trace_travel_on_and_so_do_unknown_headers() -> None:
    marks = {"traceparent": "00-1-2-01", "replay_of": "r", "retry_of": "t", "attempt": 4}
    headers = replace(headers_of(EVENT), **marks, extra=(("x_lab", b"7"), ("x_lab", None)))  # type: ignore[arg-type]
    event = done_event(parsed(message(headers=headers)), EVENT, DESK, NOON)
    followed = Headers.from_wire(event.headers)
    assert {name: getattr(followed, name) for name in marks} == marks
    assert followed.extra == headers.extra


def test_a_dead_letter_can_be_turned_back_into_its_message() -> None:
    original = replace(message(), headers=[*message().headers, ("x", None), ("x", b"\xff\x00")])
    letter = DeadLetter.from_json(dead_letter(original, "too dark", DESK, NOON, parsed(original)).value)
    assert letter.original is not None
    assert letter.original.key_base64 is not None
    assert letter.original.value_base64 is not None
    assert base64.b64decode(letter.original.value_base64) == original.value
    headers = [(n, None if v is None else base64.b64decode(v)) for n, v in letter.original.headers]
    assert headers == list(original.headers)
    place = (letter.original.topic, letter.original.partition, letter.original.offset, letter.original.timestamp_ms)
    assert place == ("sem.images", 3, 7, 1234)


def test_a_dead_letter_has_one_identity_for_every_delivery_and_another_for_every_attempt() -> None:
    def identity(attempt: int, offset: int) -> str:
        sent = replace(message(attempt=attempt), offset=offset)
        return Headers.from_wire(dead_letter(sent, "r", DESK, NOON, parsed(sent)).headers).id

    assert identity(1, 7) == identity(1, 99) != identity(2, 7)
    malformed = replace(message(), value=b"?")
    letters = [dead_letter(replace(malformed, offset=offset), "r", DESK, NOON) for offset in (7, 99)]
    assert len({Headers.from_wire(letter.headers).id for letter in letters}) == 2


@given(st.binary(max_size=200))
def test_whatever_a_message_holds_it_is_parsed_or_refused_with_a_reason(value: bytes) -> None:
    with pytest.raises(InvalidImage, match="no image event"):
        parsed(replace(message(), value=value))


@given(st.lists(st.tuples(st.sampled_from(["ce_id", "ce_time", "x_attempt", "x"]), st.none() | st.binary(max_size=9))))
def test_whatever_headers_a_message_has_it_is_parsed_or_refused_with_a_reason(
    headers: list[tuple[str, bytes | None]],
) -> None:
    sent = replace(message(), headers=[*message().headers, *headers])
    try:
        assert isinstance(parsed(sent).event, ImageEvent)
    except InvalidImage as error:
        assert "header" in str(error)


def test_an_event_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidImage, match=r"an event of type 'sem.image.v2', not sem\.image\.v1"):
        parsed(message(headers=replace(headers_of(EVENT), type="sem.image.v2")))


@pytest.mark.parametrize("attempt", ["0", "-1", "²", "1e3", "9" * 30, "9" * 5000, ""])
def test_an_attempt_that_is_no_small_number_is_refused(attempt: str) -> None:
    sent = replace(message(), headers=[*message().headers, ("x_attempt", attempt.encode())])
    with pytest.raises(InvalidImage, match="header x_attempt is no positive number"):
        parsed(sent)


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda hostile: hostile.name)
def test_a_hostile_event_is_refused_with_one_line(hostile: HostileEvent) -> None:
    with pytest.raises(InvalidImage) as caught:
        parsed(hostile.build())
    reason = str(caught.value)
    assert hostile.reason in reason
    assert reason.isprintable()
    assert len(reason) <= 500


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda hostile: hostile.name)
def test_the_dead_letter_of_a_hostile_event_can_travel_and_leads_back_to_it(hostile: HostileEvent) -> None:
    sent = hostile.build()
    outgoing = dead_letter(sent, hostile.reason, DESK, NOON)
    assert len(outgoing.value) + len(outgoing.key or b"") <= 970_000
    original = DeadLetter.from_json(outgoing.value).original
    assert original is not None
    assert (original.topic, original.partition, original.offset) == ("sem.images", 3, 7)
    if original.by_reference:
        assert original.sha256 == hashlib.sha256(sent.value or b"").hexdigest()
        assert original.size_bytes == sent.size_bytes
    else:
        assert original.value_base64 == (None if sent.value is None else base64.b64encode(sent.value).decode())


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_an_odd_event_is_believed_and_answered(odd: HostileEvent) -> None:
    job = parsed(odd.build())
    assert Headers.from_wire(done_event(job, job.event, DESK, NOON).headers).time == NOON


def test_a_letter_holds_all_of_its_message_all_but_the_value_or_the_place_alone() -> None:
    headers = [*message().headers, ("x_lab", b"7")]
    whole = replace(message(), headers=headers, value=bytes(700_000))
    larger = replace(whole, value=bytes(800_000))
    largest = replace(larger, headers=[("x_lab", bytes(800_000))], key=bytes(800_000))
    held = [DeadLetter.from_json(dead_letter(m, "r", DESK, NOON).value).original for m in (whole, larger, largest)]
    assert [o.by_reference for o in held if o] == [False, True, True]
    assert [len(o.headers) for o in held if o] == [len(headers), len(headers), 0]
    assert [o.key_base64 for o in held if o] == ["a2V5", "a2V5", None]


def test_the_letter_of_a_malformed_event_knows_its_attempt() -> None:
    def attempt(*marks: bytes) -> int:
        sent = replace(message(), value=b"?", headers=[("x_attempt", mark) for mark in marks])
        return DeadLetter.from_json(dead_letter(sent, "r", DESK, NOON).value).attempt

    assert [attempt(), attempt(b"3"), attempt(b"3", b"4"), attempt(b"\xff"), attempt(b"-1")] == [1, 3, 4, 1, 1]


def test_the_reason_of_a_letter_is_one_line() -> None:
    letter = DeadLetter.from_json(dead_letter(message(), "too\ndark\x1b[2J" + "x" * 900, DESK, NOON).value)
    assert letter.reason.startswith("too dark\\x1b[2Jxxx")
    assert len(letter.reason) == 500
