"""Whatever an instrument does, and whenever the agent dies: every image is published, and nothing else is."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from schemas.events import ImageEvent
from schemas.image import acquisition_id_of, image_id_of
from streams.adapters.folder_store import FolderStore
from streams.errors import TransientError
from tests.agents import Site, Watcher
from tests.instrument import Instrument, sha256_of

CALLS = {
    "store": ("put",),
    "journal": ("notes", "names", "write", "forget", "acquisitions", "uploaded", "pending", "published"),
    "brokers": ("publish",),
}


class Died(BaseException):
    """The agent's process has ended."""


class Fate:
    """Ends an agent's life at some calls, before or after their effect, and lets services be away at others."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.deaths = self.outages = 0
        self.rests = False

    def upon(self, port: Any, calls: tuple[str, ...], *, fails: bool) -> Any:
        for name in calls:
            setattr(port, name, self._tempted(getattr(port, name), fails=fails))
        return port

    def _tempted(self, call: Callable[..., Any], *, fails: bool) -> Callable[..., Any]:
        def tempted(*args: Any, **kwargs: Any) -> Any:
            if fails and self._chance.random() < 0.1:
                self.outages += 1
                raise TransientError("away")
            self._die(0.02)
            result = call(*args, **kwargs)
            self._die(0.02)
            return result

        return tempted

    def _die(self, risk: float) -> None:
        if not self.rests and self._chance.random() < risk:
            self.deaths += 1
            raise Died


class Plant:
    """An instrument that writes while an agent lives, dies, and lives again."""

    def __init__(self, root: Path, seed: int) -> None:
        self._chance = random.Random(seed)
        self.fate = Fate(random.Random(seed + 1))
        self.site = Site(root)
        self.published: list[tuple[str, str]] = []
        """Name and sha256 of every event, repeats included."""
        start = self.site.clock()
        self.instrument = Instrument(
            self.site.folder, self._chance, start=start, images=25, is_published=self._is_published
        )
        self._sleep, self.site.clock.sleep = self.site.clock.sleep, self._pass  # type: ignore[method-assign]
        self.fate.upon(self.site.brokers, CALLS["brokers"], fails=True)
        self.fate.upon(self.site.store, CALLS["store"], fails=True)
        self._reopen()

    def run(self) -> None:
        """Run until the instrument has finished and the agent has had its time."""
        self._watch_while(lambda: not self.instrument.idle)
        end = self.site.clock() + 200
        self._watch_while(lambda: self.site.clock() < end)

    def states(self) -> dict[str, str]:
        self.fate.rests = True
        with closing(Watcher(self.site)) as watcher:
            return watcher.states()

    def _watch_while(self, condition: Callable[[], bool]) -> None:
        while condition():
            try:
                with closing(Watcher(self.site)) as watcher:
                    while condition():
                        watcher.run(1)
            except Died:
                self.site.clock.sleep(self._chance.choice([0, 0.1, 5, 20]))
                self._reopen()

    def _reopen(self) -> None:
        self.site.reopen()
        of = self.site.journals.of
        self.site.journals.of = lambda feed: self.fate.upon(of(feed), CALLS["journal"], fails=False)  # type: ignore[method-assign]

    def _pass(self, seconds: float) -> None:
        self._sleep(seconds)
        self.instrument.act(self.site.clock())

    def _is_published(self, name: str, sha256: str) -> bool:
        new = self.site.brokers.messages[len(self.published) :]
        events = [ImageEvent.from_json(message.value) for message in new]
        self.published += [(event.acquisition.source_name, event.image.object.sha256) for event in events]
        return (name, sha256) in self.published


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
