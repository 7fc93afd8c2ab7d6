from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from schemas.frame import Frame
from schemas.headers import Headers
from schemas.image import Roi
from stages.stage import Outcome, Task
from streams.errors import TransientError
from streams.telemetry.catalogue import PARTS
from streams.transport import Positions
from tests.toys import Shade, ToyDecoder, toy_file
from tests.workbench import BLACK, P0, Bench, Lenient, event_in, letter_in


def test_an_event_is_answered_with_every_part_and_the_objects_are_there(bench: Bench) -> None:
    event = event_in(bench.answers(bench.published(toy_file(1)))[0])
    assert [(c.name, c.cache_hit) for c in event.candidates] == [("half", False), ("quarter", False)]
    refs = [c.object for c in event.candidates if c.object]
    assert len(refs) == 2
    assert bench.store.vanished(refs) == []


def test_a_hit_fetches_no_pixels_and_publishes_the_same_candidates(bench: Bench) -> None:
    message = bench.published(toy_file(1))
    first = bench.answers(message)[0]
    bench.forget_memory()
    bench.store.failure = AssertionError("a hit reads no pixels")
    again = bench.answers(message)[0]
    assert bench.computed == []
    assert bench.telemetry.total(PARTS, stage="shade", source="ledger") == 2
    assert (again.value, again.headers) == (first.value, first.headers)
    bench.answers(message)
    assert bench.telemetry.total(PARTS, stage="shade", source="cache") == 0


def test_what_was_published_is_remembered_in_the_cache(bench: Bench) -> None:
    bench.answers(bench.published(toy_file(1)))
    event = event_in(bench.answers(bench.published(toy_file(1), name="copy.tif"))[0])
    assert bench.telemetry.total(PARTS, stage="shade", source="cache") == 2
    assert [c.cache_hit for c in event.candidates] == [True, True]


def test_what_is_no_record_in_the_cache_is_computed_again(bench: Bench) -> None:
    message = bench.published(toy_file(1))
    worker = bench.worker()
    keys = list(worker.answer([message])[0].bodies)
    bench.forget_memory()
    bench.cache.put(dict.fromkeys(keys, b'{"a": 1}'))
    again = bench.answers(message)[0]
    assert sorted(c.name for c in event_in(again).candidates) == ["half", "quarter"]


def test_nothing_is_remembered_in_the_cache_before_it_is_committed(bench: Bench) -> None:
    bench.transport.refusals.append(TransientError("busy"))
    worker, message = bench.worker(), bench.published(toy_file(1))
    answers = worker.answer([message])
    with pytest.raises(TransientError):
        worker.publish(answers, Positions({P0: 1}))
    assert bench.cache.get(list(answers[0].bodies)) == {}
    worker.publish(answers, Positions({P0: 1}))
    assert len(bench.cache.get(list(answers[0].bodies))) == 2


def test_only_a_new_candidate_is_computed(bench: Bench) -> None:
    message = bench.published(toy_file(1))
    bench.answers(message)
    bench.forget_memory()
    event = event_in(bench.answers(message, stage=Shade(levels={"half": 0.5, "full": 1.0}))[0])
    assert bench.computed == [("full",)]
    assert [c.name for c in event.candidates] == ["half", "full"]


def test_one_image_twice_in_a_batch_has_one_outcome_and_two_answers(bench: Bench) -> None:
    first, second = bench.answers(
        bench.published(toy_file(1), name="a.tif"), bench.published(toy_file(1), name="b.tif")
    )
    assert event_in(first).candidates == event_in(second).candidates
    assert event_in(first).acquisition != event_in(second).acquisition
    assert len(bench.ledger.history("a.tif")[0]) == 2


def test_images_of_two_shapes_are_computed_apart_and_answered_in_order(bench: Bench) -> None:
    batches: list[list[str]] = []

    @dataclass(frozen=True)
    class Watched(Shade):
        at_once = 8

        def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
            batches.append([task.event.acquisition.source_name for task in batch])
            return super().__call__(batch)

    class TwoShapes(ToyDecoder):
        def specimen(self, data: bytes, *, page: int, roi: Roi, bits: int | None = None) -> Frame:
            frame = super().specimen(data, page=page, roi=roi)
            return Frame(frame.pixels[: 4 if data[1] % 2 else 8])

    messages = [bench.published(bytes([9, n]) + toy_file(n)[2:], name=f"{n}") for n in range(4)]
    bench.decoder = TwoShapes()
    worker = bench.worker(Watched())
    answers = worker.answer(messages)
    assert sorted(batches) == [["0", "2"], ["1", "3"]]
    assert [event_in(answer.event).acquisition.source_name for answer in answers] == ["0", "1", "2", "3"]


def test_a_rejection_is_a_dead_letter_and_stands_for_the_same_delivery_only(bench: Bench) -> None:
    rejected = bench.published(BLACK)
    assert letter_in(bench.answers(rejected)[0]).reason == "the first pixel is black"
    bench.forget_memory()
    bench.store.failure = AssertionError("an answered rejection reads no pixels")
    again = letter_in(bench.answers(rejected, stage=Lenient())[0])
    assert (again.reason, bench.computed) == ("the first pixel is black", [])


def test_a_retry_computes_anew_and_keeps_its_attempt(bench: Bench) -> None:
    bench.answers(bench.published(BLACK))
    retried = bench.answers(bench.published(BLACK, attempt=2), stage=Lenient())[0]
    assert len(event_in(retried).candidates) == 2
    assert Headers.from_wire(retried.headers).attempt == 2
    letter = letter_in(bench.answers(bench.published(BLACK, attempt=3, name="a.tif"), stage=Shade({"new": 0.1}))[0])
    assert letter.attempt == 3


def test_a_dead_letter_holds_the_original_message_whole(bench: Bench) -> None:
    message = bench.published(BLACK)
    letter = letter_in(bench.answers(message)[0])
    original = letter.original
    assert original is not None
    assert (original.topic, original.partition, original.offset) == (P0.topic, P0.number, message.offset)
    assert original.value_base64 is not None
    assert original.key_base64 == "a2V5"
    assert len(original.headers) == len(message.headers)
