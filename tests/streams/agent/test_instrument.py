"""Whatever an instrument does, and whenever the agent dies: every image is published, and nothing else is."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest

from schemas.image import acquisition_id_of, image_id_of
from streams.adapters.folder_store import FolderStore
from tests.instrument import sha256_of
from tests.plant import Plant


@pytest.fixture(scope="module", params=range(10))
def plant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    plant = Plant(tmp_path_factory.mktemp("plant"), seed=request.param)
    plant.run()
    yield plant
    plant.site.journals.close()


def test_every_content_that_was_whole_is_published_with_the_right_id_and_no_other(plant: Plant) -> None:
    whole = {(name, sha256) for name, contents in plant.instrument.whole.items() for sha256 in contents}
    events = plant.site.brokers.events
    assert {(event.acquisition.source_name, event.image.object.sha256) for event in events} == whole
    assert plant.fate.deaths > 0
    assert plant.fate.outages > 0
    for event in events:
        image_id = image_id_of(event.image.object.sha256, event.image.page)
        assert event.acquisition.acquisition_id == acquisition_id_of("/test", event.acquisition.source_name, image_id)
        assert sha256_of(FolderStore(plant.site.root / "objects").get(event.image.object)) == event.image.object.sha256
    by_file = Counter((e.acquisition.source_name, e.image.object.sha256, e.image.page) for e in events)
    pages = {(e.acquisition.source_name, e.image.object.sha256): e.image.page_count for e in events}
    assert len(by_file) == sum(pages.values())


def test_however_often_the_agent_dies_no_event_is_published_twice(plant: Plant) -> None:
    assert len(set(plant.site.brokers.ids)) == len(plant.site.brokers.ids)


def test_a_repeat_is_the_same_to_the_byte_and_each_content_supersedes_the_one_before(plant: Plant) -> None:
    values: dict[str, set[bytes]] = {}
    for identity, message in zip(plant.site.brokers.ids, plant.site.brokers.messages, strict=True):
        values.setdefault(identity, set()).add(message.value)
    assert all(len(value) == 1 for value in values.values())
    firsts = [event for event in plant.site.brokers.events if event.image.page == 0]
    of = {(e.acquisition.source_name, e.image.object.sha256): e.acquisition for e in firsts}
    for name, contents in plant.instrument.whole.items():
        for old, new in pairwise(contents):
            assert of[name, new].supersedes == of[name, old].acquisition_id
        assert of[name, contents[0]].supersedes is None


def test_afterwards_the_journal_has_an_answer_for_every_file(plant: Plant) -> None:
    states = plant.states()
    assert set(states.values()) <= {"published", "skipped", "failed", "gone"}
    assert {name for name, state in states.items() if state == "published"} == set(plant.instrument.whole)
