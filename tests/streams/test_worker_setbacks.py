"""The path of a batch when messages, objects, servers or stages are not as they should be."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import pytest

from schemas.events import ImageEvent
from stages.stage import Done, Outcome, Task
from streams.dead_letter_limit import DeadLetterLimit, TooManyDeadLetters
from streams.errors import InvalidImage, TransientError
from streams.job import parse
from streams.ports import SettlementId, State
from streams.suspects import InHand, Precautions
from streams.telemetry.catalogue import IMAGES
from streams.transport import Message
from tests.events import NOON
from tests.toys import Focus, Shade, toy_file
from tests.workbench import BLACK, P0, Bench, Lenient, event_in, letter_in


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": b"{}"}, "no image event: acquisition: Field required"),
        ({"value": None}, "no image event"),
        ({"value": b"\xff"}, "no image event"),
        ({"headers": ()}, "missing header ce_id"),
        ({"headers": (("ce_id", b"\xff"),)}, "header ce_id is not UTF-8"),
    ],
)
def test_a_malformed_message_is_a_dead_letter_and_its_neighbours_are_answered(
    bench: Bench, change: Mapping[str, object], reason: str
) -> None:
    good = bench.published(toy_file(1))
    bad = replace(bench.published(toy_file(2)), **change)  # type: ignore[arg-type]
    letter, answer = bench.answers(bad, good)
    assert reason in letter_in(letter).reason
    assert letter_in(letter).error_class == "malformed_event"
    assert event_in(answer).acquisition.source_name == "a.tif"


def test_an_image_whose_object_is_gone_is_rejected(bench: Bench) -> None:
    message = bench.published(toy_file(1))
    ref = ImageEvent.from_json(message.value or b"").image.object
    (bench.store._root / ref.key).unlink()
    assert "gone from the store" in letter_in(bench.answers(message)[0]).reason
    assert bench.telemetry.total(IMAGES, stage="shade", outcome="rejected") == 1


def test_a_candidate_that_vanished_is_made_again_and_no_other(bench: Bench) -> None:
    message = bench.published(toy_file(1))
    event = event_in(bench.answers(message)[0])
    half = event.candidates[0].object
    assert half is not None
    (bench.store._root / half.key).unlink()
    again = event_in(bench.answers(message)[0])
    assert bench.computed[1:] == [("half",)]
    assert bench.store.vanished([half]) == []
    assert again.candidates[0].object == half


def test_a_candidate_that_a_later_stage_finds_lost_is_made_again_by_a_replay(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True)
    class Later(Focus):
        def needs(self, event: ImageEvent) -> tuple[str, ...]:
            return ("half",)

    monkeypatch.setattr(bench.store, "vanished", lambda refs: [])  # a store that cannot tell cheaply, such as S3
    message = bench.published(toy_file(1))
    (shaded,) = bench.answers(message)
    half = event_in(shaded).candidates[0].object
    assert half is not None
    (bench.store._root / half.key).unlink()
    passed_on = Message(P0, 1, 0, b"key", shaded.value, shaded.headers)
    reason = letter_in(bench.answers(passed_on, stage=Later())[0]).reason
    assert "replay its image, and it is computed again" in reason
    bench.answers(message)
    assert bench.computed == [("half", "quarter"), ("half",)]
    assert bench.store.get(half)


def test_candidates_that_share_an_object_are_both_made_again(bench: Bench) -> None:
    twins = Shade(levels={"one": 0.5, "two": 0.5000000001})
    message = bench.published(toy_file(1))
    one, two = event_in(bench.answers(message, stage=twins)[0]).candidates
    assert one.object is not None
    assert one.object == two.object
    (bench.store._root / one.object.key).unlink()
    bench.answers(message, stage=twins)
    assert bench.computed[1:] == [("one", "two")]


def test_an_answer_whose_outcomes_are_lost_and_cannot_be_made_again_is_a_dead_letter(bench: Bench) -> None:
    message = bench.published(toy_file(1))
    event = event_in(bench.answers(message)[0])
    refs = [event.image.object, *(c.object for c in event.candidates if c.object)]
    for ref in refs:
        (bench.store._root / ref.key).unlink()
    assert "gone from the store" in letter_in(bench.answers(message)[0]).reason


def test_a_transient_error_leaves_nothing_behind_and_the_same_call_succeeds_later(bench: Bench) -> None:
    message = bench.published(toy_file(1))
    bench.store.failure = TransientError("the store is away")
    with pytest.raises(TransientError):
        bench.worker().answer([message])
    assert bench.ledger.history("a.tif") == ([], [])
    bench.store.failure = None
    assert len(event_in(bench.answers(message)[0]).candidates) == 2


def test_the_first_to_settle_an_outcome_wins_and_the_event_says_so(bench: Bench) -> None:
    message = bench.published(toy_file(1))
    slow = bench.worker()
    settle = bench.ledger.settle

    def overtaken(outcomes: object, settlements: object) -> object:
        bench.ledger.settle = settle  # type: ignore[method-assign]
        bench.answers(message, stage=Lenient())
        stand = {row.key: row.body.replace(b'"Shade"', b'"Late!"') for row in outcomes}  # type: ignore[attr-defined]
        return settle([replace(row, body=stand[row.key]) for row in outcomes], settlements)  # type: ignore[attr-defined,arg-type]

    bench.ledger.settle = overtaken  # type: ignore[method-assign,assignment]
    event = event_in(slow.answer([message])[0].event)
    assert {c.method for c in event.candidates} == {"Shade"}
    assert [s.state for s in bench.ledger.history("a.tif")[1]] == [State.DONE]


@pytest.mark.parametrize("parts", [(), ("half",), ("half", "quarter", "more")])
def test_a_stage_that_gives_other_parts_than_asked_for_is_a_bug(bench: Bench, parts: Collection[str]) -> None:
    @dataclass(frozen=True)
    class Wrong(Lenient):
        def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
            done = [outcome for outcome in super().__call__(batch) if isinstance(outcome, Done)]
            return [Done(dict.fromkeys(parts, outcome.parts["half"])) for outcome in done]

    with pytest.raises(RuntimeError, match="stage shade gave"):
        bench.worker(Wrong()).answer([bench.published(toy_file(1))])


def test_a_stage_that_gives_too_few_outcomes_is_a_bug_and_gives_its_slot_back(bench: Bench) -> None:
    @dataclass(frozen=True)
    class Short(Shade):
        def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
            return []

    worker = bench.worker(Short())
    with pytest.raises(ValueError, match="shorter"):
        worker.answer([bench.published(toy_file(1))])
    assert worker._around.slots.free == 1


def test_a_light_stage_waits_for_no_slot(bench: Bench) -> None:
    @dataclass(frozen=True)
    class Light(Shade):
        light: ClassVar[bool] = True

    worker = bench.worker(Light())
    with worker._around.slots.taken("live"):
        assert worker._around.slots.free == 0
        (answer,) = worker.answer([bench.published(toy_file(1))])
    assert answer.event.topic == "sem.shaded"


def test_invalid_image_raised_within_a_stage_is_a_bug_of_the_stage_and_named(bench: Bench) -> None:
    @dataclass(frozen=True)
    class Raising(Shade):
        def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
            raise InvalidImage("stages return Rejected")

    worker = bench.worker(Raising())
    with pytest.raises(InvalidImage) as raised:
        worker.answer([bench.published(toy_file(1))])
    assert any("stage shade, images" in note for note in raised.value.__notes__)
    assert worker._around.slots.free == 1


def test_an_event_that_is_too_large_to_travel_is_a_dead_letter_and_the_letter_can_travel(bench: Bench) -> None:
    @dataclass(frozen=True)
    class Wordy(Lenient):
        def extend(self, event: ImageEvent, records: object) -> ImageEvent:
            return event.but(results={"words": "x" * 700_000})

    (letter,) = bench.answers(bench.published(toy_file(1)), stage=Wordy())
    assert "stage shade makes its event 70" in letter_in(letter).reason
    large = replace(bench.published(BLACK), value=b"x" * 690_000)
    assert len(bench.answers(large)[0].value) < 1_000_000


class KnownDeaths:
    """So many workers died of every delivery."""

    def __init__(self, deaths: int) -> None:
        self._deaths = deaths

    def report(self, ids: Collection[SettlementId], *, at: datetime, host: str) -> None:
        raise NotImplementedError("this test reports nobody")

    def deaths(self, ids: Collection[SettlementId]) -> dict[SettlementId, int]:
        return dict.fromkeys(ids, self._deaths)


class NoDeaths(KnownDeaths):
    def __init__(self) -> None:
        super().__init__(0)

    def deaths(self, ids: Collection[SettlementId]) -> dict[SettlementId, int]:
        return {}


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[InHand]:
    journal = InHand(tmp_path / "in-hand")
    yield journal
    journal.close()


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_suspect_is_tried_again_alone(bench: Bench, hand: InHand, deaths: int) -> None:
    batches: list[int] = []

    @dataclass(frozen=True)
    class Noting(Shade):
        @property
        def at_once(self) -> int:
            return 8

        def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
            batches.append(len(batch))
            return super().__call__(batch)

    bench.precautions = Precautions(hand, KnownDeaths(deaths))
    events = bench.answers(bench.published(toy_file(1)), bench.published(toy_file(2), name="b"), stage=Noting())
    assert batches == [1, 1]
    assert [event_in(event).acquisition.source_name for event in events] == ["a.tif", "b"]


def test_an_image_of_which_three_workers_died_is_a_dead_letter_and_others_go_on(bench: Bench, hand: InHand) -> None:
    bench.precautions = Precautions(hand, KnownDeaths(3))
    (letter,) = bench.answers(bench.published(toy_file(1)))
    assert "3 workers died" in letter_in(letter).reason


def test_what_is_in_hand_is_noted_while_it_is_computed_and_no_longer(
    bench: Bench, hand: InHand, tmp_path: Path
) -> None:
    seen: list[str] = []

    @dataclass(frozen=True)
    class Looking(Shade):
        def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
            seen.extend(path.read_text() for path in (tmp_path / "in-hand").iterdir())
            return super().__call__(batch)

    bench.precautions = Precautions(hand, NoDeaths())
    message = bench.published(toy_file(1))
    bench.answers(message, stage=Looking())
    (acquisition,) = {parse(message, bench.worker().desk, now=NOON).event.acquisition.acquisition_id}
    assert [acquisition in text for text in seen] == [True]
    assert [path.read_text().strip() for path in (tmp_path / "in-hand").iterdir()] == ["[]"]


def test_too_many_rejections_stop_the_stage_before_anything_is_settled(bench: Bench) -> None:
    bench.limit = DeadLetterLimit("shade", in_a_row=2)
    message = bench.published(BLACK)
    with pytest.raises(TooManyDeadLetters):
        bench.answers(message, bench.published(BLACK, name="b.tif"))
    identity = parse(message, bench.worker().desk, now=NOON).settlement_id(bench.worker().desk)
    assert bench.ledger.settlements([identity]) == {}


def test_remembered_rejections_do_not_stop_a_stage(bench: Bench) -> None:
    message = bench.published(BLACK)
    bench.answers(message)
    bench.limit = DeadLetterLimit("shade", in_a_row=2)
    for _ in range(5):
        (letter,) = bench.answers(message)
        assert "black" in letter_in(letter).reason
