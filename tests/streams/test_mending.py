"""What failed is sent again when its cause is mended, and then succeeds."""

from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.events import ImageEvent
from schemas.headers import Headers
from stages.stage import Stage
from streams.deadletters import Criteria, retries, send
from streams.pipeline import DEAD_LETTERS
from streams.transport import Message, Outgoing
from tests.memory_log import MemoryLog
from tests.toys import Shade, toy_file
from tests.workbench import BLACK, Bench, Lenient, event_in, letter_in

Damage = Callable[[Path], None]


def vanish(path: Path) -> None:
    path.unlink()


def alter(path: Path) -> None:
    path.write_bytes(bytes(reversed(path.read_bytes())))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def path_of(bench: Bench, message: Message, folder: Path) -> Path:
    key = ImageEvent.from_json(message.value or b"").image.object.key
    return next(path for path in folder.rglob("*.toy") if str(path).endswith(key))


def sent_again(failed: Message, letter: Outgoing) -> Message:
    """Publish a message and its letter, retry, and return what the stage's topic then has last."""
    log = MemoryLog(partitions=1)
    log.publish([Outgoing("sem.images", failed.key, failed.value or b"", failed.headers)])
    log.publish([Outgoing(DEAD_LETTERS, letter.key, letter.value, letter.headers)])
    assert [retry.refusal for retry in send(log, retries(log, Criteria()))] == [None]
    return log.messages("sem.images")[-1]


@pytest.mark.parametrize("damage", [vanish, alter, cut])
def test_an_object_that_was_put_right(bench: Bench, tmp_path: Path, damage: Damage) -> None:
    message = bench.published(toy_file(1))
    path = path_of(bench, message, tmp_path)
    damage(path)
    (letter,) = bench.answers(message)
    reason = letter_in(letter).reason
    assert reason.isprintable()
    assert reason
    path.unlink(missing_ok=True)
    bench.published(toy_file(1))
    bench.forget_memory()
    again = sent_again(message, letter)
    (event,) = bench.answers(again)
    assert [candidate.name for candidate in event_in(event).candidates] == ["half", "quarter"]
    assert (Headers.from_wire(event.headers).attempt, Headers.from_wire(event.headers).retry_of) == (
        2,
        Headers.from_wire(letter.headers).id,
    )


@pytest.mark.parametrize(("stage", "succeeds"), [(Lenient(), True), (Shade(), False)])
def test_a_stage_that_was_put_right(bench: Bench, stage: Stage, succeeds: bool) -> None:
    message = bench.published(BLACK)
    (letter,) = bench.answers(message)
    (answer,) = bench.answers(sent_again(message, letter), stage=stage)
    assert (answer.topic == "sem.shaded") is succeeds
    if not succeeds:
        assert letter_in(answer).attempt == 2
        assert Headers.from_wire(answer.headers).id != Headers.from_wire(letter.headers).id


def test_without_a_retry_a_rejection_stands_although_its_cause_is_mended(bench: Bench) -> None:
    message = bench.published(BLACK)
    bench.answers(message)
    (answer,) = bench.answers(message, stage=Lenient())
    assert letter_in(answer).reason == "the first pixel is black"
