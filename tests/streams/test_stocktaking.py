from collections.abc import Collection, Iterator
from datetime import datetime

import pytest

from schemas.events import ImageEvent
from schemas.image import ObjectRef
from schemas.scores import Candidate, Selection
from streams.balance import Fault
from streams.ports import StoredObject
from streams.stocktaking import missing_objects
from streams.transport import Message, Partition
from tests.events import NOON, headers_of, image_event, object_ref
from tests.hostile.events import CORPUS, HostileEvent

RAW = object_ref("ab" * 32)
CHOSEN = object_ref("cd" * 32, folder="candidates", size_bytes=7)
OTHER = object_ref("ef" * 32, folder="candidates")


class Shelf:
    """An inventory of what a test puts there."""

    def __init__(self, *refs: ObjectRef) -> None:
        self.held = {ref.key: ref.size_bytes for ref in refs}

    def objects(self, folder: str) -> Iterator[StoredObject]:
        yield from (StoredObject(k, n, NOON) for k, n in self.held.items() if k.startswith(f"{folder}/"))

    def delete(self, keys: Collection[str]) -> None:
        raise NotImplementedError

    def drop_unfinished(self, *, before: datetime) -> int:
        raise NotImplementedError


def selected(chosen: str = "tv") -> ImageEvent:
    candidates = [
        Candidate(name=name, stage="filter", method="m", config_hash="0", object=ref)
        for name, ref in (("raw", None), ("tv", CHOSEN), ("mean", OTHER))
    ]
    selection = Selection(chosen=chosen, rule="r", reason="it errs least")
    return image_event(RAW).but(candidates=tuple(candidates), selection=selection)


def found(event: ImageEvent, shelf: Shelf, *, bucket: str = "sem") -> list[str]:
    message = Message(Partition("sem.selected", 1), 5, 0, b"k", event.to_json(), headers_of(event).to_wire())
    missing = missing_objects([message], shelf, stage="selector", bucket=bucket)
    assert all(
        (m.fault, m.topic, m.partition, m.offset, m.stage) == (Fault.MISSING, "sem.selected", 1, 5, "selector")
        for m in missing
    )
    return [finding.detail for finding in missing]


def test_what_is_there_is_not_missed_and_other_candidates_may_be_gone() -> None:
    assert found(selected(), Shelf(RAW, CHOSEN)) == []
    assert found(selected("raw"), Shelf(RAW)) == []


def test_a_raw_image_and_a_selected_result_that_are_gone_are_named() -> None:
    assert found(selected(), Shelf(RAW, OTHER)) == [f"the selected result is not in the store: {CHOSEN.key}"]
    assert found(selected(), Shelf(CHOSEN)) == [f"the raw image is not in the store: {RAW.key}"]


def test_an_object_of_another_size_is_not_the_one() -> None:
    short = CHOSEN.but(size_bytes=6)
    assert found(selected(), Shelf(RAW, short)) == [
        f"the selected result has 6 bytes in the store, not 7: {CHOSEN.key}"
    ]


def test_other_buckets_are_not_looked_into() -> None:
    assert found(selected(), Shelf(), bucket="another") == []


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda hostile: hostile.name)
def test_what_is_no_event_promises_nothing_or_what_it_says(hostile: HostileEvent) -> None:
    missing_objects([hostile.build()], Shelf(RAW), stage="selector", bucket="sem")
