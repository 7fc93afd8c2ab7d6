"""The count afterwards finds whatever is missing, there twice, or told differently in two places."""

import hashlib
from pathlib import Path

import pytest

from schemas.events import ImageEvent
from schemas.image import ObjectRef
from schemas.scores import Candidate, Selection
from streams.bench.chaos.verdict import Settled, counted, object_problems, selection_problems, settlement_problems
from tests.events import image_event

STAGES = ["filter", "selector"]


def acquisition(event: ImageEvent) -> str:
    return event.acquisition.acquisition_id


@pytest.fixture
def events() -> list[ImageEvent]:
    return [image_event(name=name) for name in ("a.tif", "b.tif", "c.tif")]


def test_what_was_published_once_and_selected_once_holds(events: list[ImageEvent]) -> None:
    verdict = counted([acquisition(event) for event in events], events)
    assert (verdict.lost, verdict.doubled) == (0, 0)


def test_what_is_missing_is_lost_and_what_is_there_twice_is_doubled(events: list[ImageEvent]) -> None:
    verdict = counted([acquisition(event) for event in events], [events[0], events[1], events[1], events[1]])
    assert (verdict.lost, verdict.doubled) == (1, 2)


def test_what_nobody_published_is_one_too_many(events: list[ImageEvent]) -> None:
    assert counted([acquisition(event) for event in events[:2]], events).doubled == 1


def rows(events: list[ImageEvent]) -> list[Settled]:
    return [Settled(stage, acquisition(event), "done", "mean") for event in events for stage in STAGES]


def test_one_settlement_a_stage_and_acquisition_is_right(events: list[ImageEvent]) -> None:
    assert settlement_problems(rows(events), STAGES, [acquisition(event) for event in events]) == []


def test_a_missing_a_second_a_foreign_and_a_rejected_settlement_are_told(events: list[ImageEvent]) -> None:
    given = rows(events)
    foreign = Settled("filter", "nobody's", "done", None)
    rejected = Settled("filter", acquisition(events[1]), "rejected", None)
    wrong = [*given[1:], given[-1], foreign, rejected]
    found = settlement_problems(wrong, STAGES, [acquisition(event) for event in events])
    assert [problem.split(":")[0] for problem in found] == [
        *["not settled once"] * 3,
        "settled and never published",
        "rejected",
    ]


def test_many_problems_of_one_kind_are_told_by_their_number(events: list[ImageEvent]) -> None:
    found = settlement_problems([], STAGES, [acquisition(event) for event in events])
    assert found[-1] == "not settled once: and 1 more"


def test_a_selection_that_differs_between_ledger_and_event_is_told(events: list[ImageEvent]) -> None:
    selected = [event.but(selection=chosen("mean")) for event in events]
    assert selection_problems(rows(events), "selector", selected) == []
    other = [*selected[:2], selected[2].but(selection=chosen("raw"))]
    (problem,) = selection_problems(rows(events), "selector", other)
    assert problem.endswith("mean, not raw")


def chosen(name: str) -> Selection:
    return Selection(chosen=name, rule="risk", reason="it is the best")


def test_an_object_that_is_gone_or_altered_is_told(tmp_path: Path) -> None:
    refs = [_stored(tmp_path, name) for name in (b"whole", b"altered", b"gone")]
    (tmp_path / "sem" / refs[1].key).write_bytes(b"ALTERED")
    (tmp_path / "sem" / refs[2].key).unlink()
    event = image_event(refs[0]).but(candidates=tuple(map(_candidate, refs[1:])))
    found = object_problems(tmp_path, [event])
    assert [problem.split(" ", 1)[1] for problem in found] == ["has other bytes than the events say", "is not there"]
    assert object_problems(tmp_path, [image_event(refs[0])]) == []


def _stored(folder: Path, data: bytes) -> ObjectRef:
    sha256 = hashlib.sha256(data).hexdigest()
    ref = ObjectRef(store="s3", bucket="sem", key=f"raw/{sha256}.tif", size_bytes=len(data), sha256=sha256)
    file = folder / ref.bucket / ref.key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return ref


def _candidate(ref: ObjectRef) -> Candidate:
    return Candidate(name="mean", stage="filter", method="mean", config_hash="c", object=ref)
