import base64
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from schemas.events import DeadLetter
from schemas.headers import Headers
from streams.deadletters import Criteria, Letter, Retry, letters, retries, send
from streams.errors import InvalidImage
from streams.job import Desk, dead_letter, parse
from streams.pipeline import DEAD_LETTERS, Step, topic
from streams.sequels import sequels
from streams.transport import Message, Outgoing
from tests.events import NOON, headers_of, image_event
from tests.hostile.events import CORPUS, HostileEvent
from tests.memory_log import MemoryLog
from tests.toys import Pick, Shade

EVERY = Criteria()


@dataclass
class Scene:
    """Messages that failed, and their letters."""

    log: MemoryLog
    time: datetime = NOON

    def __post_init__(self) -> None:
        self.log.now = lambda: self.time
        self.log.create(DEAD_LETTERS, "sem.images", "sem.shaded", "sem.replay.images")

    def desk(self, stage: str = "shade", lane: str = "live") -> Desk:
        step = Step(Shade(), topic(lane, "images"), topic(lane, "shaded"))
        return Desk(
            step if stage == "shade" else Step(Pick(), topic(lane, "shaded"), topic(lane, "picked")), lane, "p1"
        )

    def fails(
        self,
        sent: Outgoing | None = None,
        *,
        reason: str = "too dark",
        stage: str = "shade",
        lane: str = "live",
        name: str = "a.tif",
    ) -> Message:
        """Publish a message, let a stage reject it, and return it as the stage saw it."""
        desk = self.desk(stage, lane)
        event = image_event(name=name)
        outgoing = sent or Outgoing(desk.step.consumes, b"key", event.to_json(), headers_of(event).to_wire())
        self.log.publish([outgoing])
        message = self.log.messages(desk.step.consumes)[-1]
        try:
            job = parse(message, desk, now=self.time)
        except InvalidImage:
            job = None
        self.log.publish([dead_letter(message, reason, desk, self.time, job)])
        return message

    def letters(self, criteria: Criteria = EVERY) -> list[Letter]:
        return list(letters(self.log, criteria))

    def retry(self, criteria: Criteria = EVERY, *, again: bool = False) -> list[Retry]:
        before = {} if again else sequels(self.log, letters(self.log, criteria), None)
        return list(send(self.log, retries(self.log, criteria, before=before)))


@pytest.fixture
def scene() -> Scene:
    return Scene(MemoryLog(partitions=1))


def test_letters_are_found_by_what_they_say(scene: Scene) -> None:
    scene.fails(name="day1/a.tif", reason="the file is Truncated")
    scene.time += timedelta(hours=1)
    scene.fails(name="day2/b.tif", stage="pick", reason="no candidate")
    scene.fails(name="c.tif", lane="replay", reason="no frame")
    names = [letter.content.source_name for letter in scene.letters()]
    assert names == ["day1/a.tif", "day2/b.tif", "c.tif"]

    def found(criteria: Criteria) -> list[str | None]:
        return [letter.content.source_name for letter in scene.letters(criteria)]

    assert found(Criteria(stage="shade")) == ["day1/a.tif", "c.tif"]
    assert found(Criteria(reason="truncated")) == ["day1/a.tif"]
    assert found(Criteria(lane="replay")) == ["c.tif"]
    assert found(Criteria(lane="live")) == ["day1/a.tif", "day2/b.tif"]
    assert found(Criteria(image="b.tif")) == ["day2/b.tif"]
    assert found(Criteria(image="ay2/b.tif")) == []
    assert found(Criteria(image="abababab")) == names
    assert found(Criteria(since=NOON + timedelta(minutes=1))) == names[1:]
    assert found(Criteria(until=NOON + timedelta(minutes=1))) == names[:1]
    ids = [letter.id for letter in scene.letters()]
    assert found(Criteria(ids=(ids[0][:8], ids[2]))) == [names[0], names[2]]


def test_what_is_no_letter_is_shown_as_one_that_says_so_and_is_never_sent(scene: Scene) -> None:
    broken = DeadLetter.from_json(dead_letter(scene.fails(), "r", scene.desk(), NOON).value)
    assert broken.original is not None
    garbled = broken.but(original=broken.original.but(value_base64="x")).to_json()
    headers = headers_of(image_event()).to_wire()
    scene.log.publish([Outgoing(DEAD_LETTERS, None, b"\xff", headers), Outgoing(DEAD_LETTERS, None, garbled, headers)])
    scene.log.publish([Outgoing(DEAD_LETTERS, None, broken.to_json(), [])])
    odd = scene.letters()[1:]
    assert [letter.content.reason[:24] for letter in odd] == ["this is no dead letter: "] * 3
    assert [letter.id for letter in odd] == ["sem.deadletter/0/1", "sem.deadletter/0/2", "sem.deadletter/0/3"]
    assert [retry.message is None for retry in retries(scene.log, EVERY)] == [False, True, True, True]


def test_a_retry_is_the_message_byte_for_byte_with_its_marks(scene: Scene) -> None:
    failed = scene.fails()
    (letter,) = scene.letters()
    assert [retry.refusal for retry in scene.retry()] == [None]
    first, second = scene.log.messages("sem.images")
    assert (second.key, second.value) == (failed.key, failed.value)
    assert list(second.headers) == [*failed.headers, ("x_retry_of", letter.id.encode()), ("x_attempt", b"2")]
    assert first == failed


def test_a_letter_is_retried_once_unless_asked_to(scene: Scene) -> None:
    scene.fails()
    scene.retry()
    (refused,) = scene.retry()
    assert refused.before == "sent again: sem.images/0/1"
    assert len(scene.log.messages("sem.images")) == 2
    scene.retry(again=True)
    assert len(scene.log.messages("sem.images")) == 3


def test_a_letter_that_was_told_twice_is_sent_once(scene: Scene) -> None:
    failed = scene.fails()
    scene.fails(Outgoing("sem.images", failed.key, failed.value or b"", failed.headers))
    assert len({letter.id for letter in scene.letters()}) == 1
    assert len(scene.retry()) == 1
    assert len(scene.log.messages("sem.images")) == 3


def test_a_retry_that_failed_again_is_known_by_its_letter_and_can_be_retried_itself(scene: Scene) -> None:
    scene.fails()
    scene.retry()
    retried = scene.log.messages("sem.images")[1]
    scene.time += timedelta(hours=2)
    scene.fails(Outgoing("sem.images", retried.key, retried.value or b"", retried.headers))
    scene.log.topics["sem.images"] = [[]]  # retention
    first, second = scene.letters()
    assert second.content.attempt == 2
    old, new = scene.retry()
    assert old.before == f"failed again: letter {second.id}"
    assert new.message is not None
    marks = Headers.from_wire(new.message.headers)
    assert (marks.attempt, marks.retry_of) == (3, second.id)
    assert first.id != second.id


def test_a_retry_is_found_although_the_clock_of_its_publisher_is_behind(scene: Scene) -> None:
    scene.fails()
    scene.time -= timedelta(minutes=50)
    scene.retry()
    assert "sent again" in (scene.retry()[0].before or "")


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda hostile: hostile.name)
def test_whatever_failed_is_sent_again_as_it_was_or_refused_with_a_reason(scene: Scene, hostile: HostileEvent) -> None:
    bad = hostile.build()
    scene.log.publish([Outgoing("sem.images", bad.key, bad.value or b"", bad.headers)])
    (message,) = scene.log.messages("sem.images")
    sent = replace(message, value=bad.value)
    scene.log.publish([dead_letter(sent, hostile.reason, scene.desk(), NOON)])
    (retry,) = scene.retry()
    if bad.value is None:
        assert retry.refusal == "its message has no value, so there is nothing to send again"
        return
    again = scene.log.messages("sem.images")[-1]
    assert (again.key, again.value) == (bad.key, bad.value)
    others = [header for header in bad.headers if header[0] not in ("x_attempt", "x_retry_of")]
    assert list(again.headers)[: len(others)] == others


def large() -> Outgoing:
    event = image_event()
    return Outgoing("sem.images", b"key", event.to_json() + b" " * 950_000, headers_of(event).to_wire())


def test_a_message_that_a_letter_refers_to_is_sent_again_from_where_it_stands(scene: Scene) -> None:
    failed = scene.fails(large())
    original = scene.letters()[0].content.original
    assert original is not None
    assert original.by_reference
    scene.retry()
    assert scene.log.messages("sem.images")[1].value == failed.value


def test_a_message_that_is_gone_or_another_is_refused_with_its_place(scene: Scene) -> None:
    scene.fails(large())
    size = len(large().value)
    scene.log.topics["sem.images"][0][0] = replace(scene.log.messages("sem.images")[0], value=b"another")
    assert scene.retry()[0].refusal == (
        f"its message, {size} bytes, stood at sem.images/0/0, where another one is now:"
        " let its producer publish it again"
    )
    scene.log.delete_before("sem.images", {0: 1})
    assert scene.retry()[0].refusal == (
        f"its message, {size} bytes, stood at sem.images/0/0 and is no longer there: let its producer publish it again"
    )


@pytest.mark.parametrize("place", ["sem.deadletter", "__consumer_offsets", "sem.a.b.c", "orders"])
def test_nothing_is_sent_to_a_topic_that_is_none_of_ours(scene: Scene, place: str) -> None:
    letter = DeadLetter.from_json(dead_letter(scene.fails(), "r", scene.desk(), NOON).value)
    assert letter.original is not None
    scene.log.topics[DEAD_LETTERS] = [[]]
    forged = letter.but(original=letter.original.but(topic=place)).to_json()
    scene.log.publish([Outgoing(DEAD_LETTERS, None, forged, headers_of(image_event()).to_wire())])
    assert f"it names the topic {place}, which is none of semstream's" == scene.retry()[0].refusal


def test_a_file_that_never_was_a_message_is_refused(scene: Scene) -> None:
    letter = DeadLetter.from_json(dead_letter(scene.fails(), "r", scene.desk(), NOON).value).but(original=None)
    scene.log.topics[DEAD_LETTERS] = [[]]
    scene.log.publish([Outgoing(DEAD_LETTERS, None, letter.to_json(), headers_of(image_event()).to_wire())])
    assert scene.letters(Criteria(lane="live"))
    assert "never was a message" in (scene.retry()[0].refusal or "")


def test_one_that_is_too_large_for_kafka_holds_back_no_other(scene: Scene) -> None:
    class Refusing(MemoryLog):
        def publish(self, events: object) -> None:
            wanted: list[Outgoing] = list(events)  # type: ignore[call-overload]
            if any(len(event.value) > 900_000 for event in wanted):
                raise InvalidImage("its event has 950000 bytes; 900000 can travel")
            super().publish(wanted)

    scene.fails(large())
    scene.fails(name="b.tif")
    target = Refusing(partitions=1)
    sent = list(send(target, retries(scene.log, EVERY)))
    assert [retry.refusal for retry in sent] == ["its event has 950000 bytes; 900000 can travel", None]
    assert len(target.messages("sem.images")) == 1


def test_a_letter_holds_what_the_message_was() -> None:
    scene = Scene(MemoryLog(partitions=1))
    failed = scene.fails()
    original = scene.letters()[0].content.original
    assert original is not None
    assert base64.b64decode(original.value_base64 or "") == failed.value
