"""Whenever a second frame comes, and whenever the agent dies: the pair is published once, and nothing torn."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from schemas.events import ImageEvent
from schemas.image import acquisition_id_of
from streams.adapters.folder_store import FolderStore
from tests.instrument import sha256_of
from tests.pair_instrument import PairInstrument
from tests.plant import Plant


@pytest.fixture(scope="module", params=range(10))
def plant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    root = tmp_path_factory.mktemp("plant")
    plant = Plant(root, seed=request.param, writer=PairInstrument, second_suffix=PairInstrument.SUFFIX)
    plant.run()
    yield plant
    plant.site.journals.close()


def firsts(plant: Plant) -> dict[str, list[ImageEvent]]:
    """Return the events of first pages by name, in their order."""
    found: dict[str, list[ImageEvent]] = {}
    for event in plant.site.brokers.events:
        if event.image.page == 0:
            found.setdefault(event.acquisition.source_name, []).append(event)
    return found


def contents(event: ImageEvent) -> tuple[str, str | None]:
    return event.image.object.sha256, event.image.second.sha256 if event.image.second else None


def test_every_pair_that_rested_is_published_in_its_order_and_the_last_is_what_stands_there(plant: Plant) -> None:
    assert isinstance(plant.instrument, PairInstrument)
    assert plant.fate.deaths > 0
    published = {name: [contents(event) for event in events] for name, events in firsts(plant).items()}
    for name, due in plant.instrument.due.items():
        assert [pair for pair in published[name] if pair in due] == due
        assert published[name][-1] == due[-1]


def test_nothing_torn_is_published_and_nothing_twice(plant: Plant) -> None:
    whole = {sha256 for contents in plant.instrument.whole.values() for sha256 in contents}
    store = FolderStore(plant.site.root / "objects")
    for event in plant.site.brokers.events:
        assert set(contents(event)) <= {*whole, None}
        for ref in filter(None, (event.image.object, event.image.second)):
            assert sha256_of(store.get(ref)) == ref.sha256
    assert len(set(plant.site.brokers.ids)) == len(plant.site.brokers.ids)
    pages = {(e.acquisition.source_name, contents(e)): e.image.page_count for e in plant.site.brokers.events}
    assert len(plant.site.brokers.ids) == sum(pages.values())


def test_each_version_supersedes_the_one_before(plant: Plant) -> None:
    superseding = 0
    for name, events in firsts(plant).items():
        assert events[0].acquisition.supersedes is None
        for old, new in pairwise(events):
            assert new.acquisition.supersedes == old.acquisition.acquisition_id
            superseding += 1
        for event in events:
            _, second = contents(event)
            assert event.acquisition.acquisition_id == acquisition_id_of("/test", name, event.image.image_id, second)
    assert superseding > 0


def test_afterwards_the_journal_has_an_answer_for_every_file(plant: Plant) -> None:
    assert isinstance(plant.instrument, PairInstrument)
    states = plant.states()
    seconds = {name.replace(".tif", "_f2.tif") for name, due in plant.instrument.due.items() if due[-1][1]}
    assert states == dict.fromkeys(plant.instrument.due, "published") | dict.fromkeys(seconds, "second")
