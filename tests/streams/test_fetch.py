"""Results of a lane as files, from topics in memory and a ledger in a file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from schemas.image import acquisition_id_of
from streams.adapters.folder_store import FolderStore
from streams.adapters.sql_ledger import SqlLedger
from streams.certificates import names_taken
from streams.fetch import Fetch, Fetched, Route
from streams.frames import Frames
from streams.replay import Selection
from streams.result_files import ResultFiles
from tests.events import NOON, image_event
from tests.memory_log import MemoryLog
from tests.streams.flowing import PIPELINE, STAGES, Fate, Flowing
from tests.streams.test_results import Stitching
from tests.toys import SIDE, ToyDecoder, toy_file

HOUR = timedelta(hours=1)


@dataclass
class Site:
    """A lane in memory, and the folder that its results are fetched into."""

    folder: Path
    store: FolderStore
    ledger: SqlLedger
    flowing: Flowing = field(default_factory=lambda: Flowing(MemoryLog()))
    pipeline: str = PIPELINE

    def publish(self, name: str, *, seed: int = 1, instrument: str = "sem-1") -> None:
        ref = self.store.put(toy_file(seed), folder="raw/sim-1", suffix=".toy", media_type="x")
        event = image_event(ref, name=name, width=SIDE, height=SIDE)
        event = event.but(image=event.image.but(instrument_id=instrument))
        self.flowing.publish(name, value=event.to_json())

    def work(self, *stages: str) -> None:
        for stage in stages or STAGES:
            self.flowing.work(stage)
        self.ledger.settle([], list(self.flowing.ledger.values()))

    def fetch(self, *images: str, selection: Selection | None = None) -> list[Fetched]:
        files = ResultFiles(
            self.folder,
            self.store,
            Frames(self.store, ToyDecoder()),
            Stitching(),  # type: ignore[arg-type]
            taken=names_taken(self.folder),
        )
        route = Route("live", "sem.images", STAGES, "sem.picked", self.pipeline)
        fetch = Fetch(self.flowing.log, self.ledger, files, route, lambda: NOON)
        return list(fetch(selection or Selection(images=images)))

    def files(self) -> list[str]:
        found = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        return sorted(found)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    ledger = SqlLedger.sqlite(tmp_path / "ledger.sqlite")
    yield Site(tmp_path / "results", FolderStore(tmp_path / "objects"), ledger)
    ledger.close()


def certificate(here: Site, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((here.folder / f"{name}.json").read_text())
    return found


def test_a_selected_image_is_written_as_a_run_writes_it(here: Site) -> None:
    here.publish("lot/a.tif", seed=3)
    here.work()
    (fetched,) = here.fetch("a.tif")
    assert (fetched.path, fetched.why) == (here.folder / "lot" / "a.tif", None)
    assert here.files() == ["lot/a.tif", "lot/a.tif.json"]
    assert (here.folder / "lot" / "a.tif").read_bytes() == b"stitched:" + toy_file(3)
    told = certificate(here, "lot/a.tif")
    assert (told["certificate"], told["source_name"], told["pipeline"]) == (
        "sem.certificate.v1",
        "lot/a.tif",
        PIPELINE,
    )


def test_images_are_meant_by_the_beginning_of_an_id_by_time_or_by_instrument(here: Site) -> None:
    here.publish("a.tif", seed=1)
    here.publish("b.tif", seed=2, instrument="sem-2")
    here.work()
    (one,) = here.fetch(
        image_event(here.store.put(toy_file(2), folder="raw/sim-1", suffix=".toy", media_type="x")).image.image_id[:8]
    )
    assert one.name == "b.tif"
    names = {
        word: sorted(found.name for found in here.fetch(selection=selection))
        for word, selection in {
            "since": Selection(since=NOON - HOUR),
            "later": Selection(since=NOON + HOUR),
            "sem-2": Selection(instrument="sem-2"),
        }.items()
    }
    assert names == {"since": ["a.tif", "b.tif"], "later": [], "sem-2": ["b.tif"]}


def test_an_image_without_a_selection_is_named_with_its_state_and_what_to_do(here: Site) -> None:
    here.flowing.fates = {("shade", "dark.tif"): Fate.REJECTED}
    for name in ("dark.tif", "late.tif"):
        here.publish(name)
    here.work("shade")
    here.publish("new.tif")
    told = {one.name: one.why or "" for one in here.fetch("dark.tif", "late.tif", "new.tif", "none.tif")}
    assert told["dark.tif"].startswith("failed at shade: too dark; when the cause is mended, semstream dlq retry")
    assert told["late.tif"].startswith("waits for pick; semstream topics lag")
    assert told["new.tif"].startswith("waits for shade; semstream topics lag")
    assert told["none.tif"].startswith("neither the ledger nor sem.images knows it")
    assert {one.name: one.why for one in here.fetch(selection=Selection(since=NOON - HOUR))} == {
        name: why for name, why in told.items() if name != "none.tif"
    }


def test_an_image_whose_retry_was_selected_is_written(here: Site) -> None:
    here.flowing.fates = {("shade", "a.tif"): Fate.REJECTED}
    here.publish("a.tif")
    here.work()
    here.flowing.retry()
    here.work("shade")
    assert [one.why for one in here.fetch("a.tif")] == [
        "waits for pick; semstream topics lag says how far the workers are"
    ]
    here.work()
    assert [one.path for one in here.fetch("a.tif")] == [here.folder / "a.tif"]


def test_a_selection_that_has_expired_is_told_with_the_way_to_it(here: Site) -> None:
    here.publish("a.tif")
    here.work()
    here.flowing.log.topics["sem.picked"] = [[], []]
    (one,) = here.fetch("a.tif")
    assert one.path is None
    assert "has left sem.picked: publish its file again with another --state" in (one.why or "")


def test_of_like_named_images_the_newest_has_the_name_and_keeps_it(here: Site) -> None:
    for seed in (1, 2):
        here.flowing.log.now = lambda seed=seed: NOON + seed * HOUR  # type: ignore[misc]
        here.publish("a.tif", seed=seed)
        here.work()
    here.fetch("a.tif")
    first = here.files()
    assert (here.folder / "a.tif").read_bytes() == b"stitched:" + toy_file(2)
    assert len(first) == 4
    older = certificate(here, next(name for name in first if name.endswith("-a.tif")))
    here.fetch(str(older["image_id"]))
    assert here.files() == first
    assert (here.folder / "a.tif").read_bytes() == b"stitched:" + toy_file(2)


def test_a_file_that_is_no_result_is_never_written_over(here: Site) -> None:
    here.publish("a.tif")
    here.work()
    here.folder.mkdir()
    (here.folder / "a.tif").write_bytes(b"what the instrument wrote")
    (one,) = here.fetch("a.tif")
    assert "is there and no result of semstream's: choose another --out" in (one.why or "")
    assert (here.folder / "a.tif").read_bytes() == b"what the instrument wrote"


@pytest.mark.parametrize("name", ["../../a.tif", "/etc/a.tif", "lot/../../../a.tif", ".."])
def test_no_name_leads_out_of_the_folder(here: Site, name: str) -> None:
    here.publish(name)
    here.work()
    (one,) = here.fetch(selection=Selection(since=NOON - HOUR))
    assert one.path is not None
    assert one.path.resolve().is_relative_to(here.folder.resolve())


def test_an_object_that_is_gone_is_told_and_the_others_are_written(here: Site) -> None:
    for seed, name in enumerate(("a.tif", "b.tif")):
        here.publish(name, seed=seed)
    here.work()
    sha256 = here.store.put(toy_file(0), folder="raw/sim-1", suffix=".toy", media_type="x").key
    (here.folder.parent / "objects" / sha256).unlink()
    told = {one.name: one for one in here.fetch("a.tif", "b.tif")}
    assert "is gone from the store" in (told["a.tif"].why or "")
    assert told["b.tif"].path == here.folder / "b.tif"


def test_a_certificate_names_the_pipeline_that_selected_though_another_works_now(here: Site) -> None:
    here.publish("a.tif")
    here.work()
    here.pipeline = "p2"
    here.fetch("a.tif")
    assert certificate(here, "a.tif")["pipeline"] == PIPELINE


def test_what_was_named_by_its_acquisition_is_found(here: Site) -> None:
    here.publish("a.tif", seed=5)
    here.work()
    ref = here.store.put(toy_file(5), folder="raw/sim-1", suffix=".toy", media_type="x")
    image_id = image_event(ref).image.image_id
    assert [one.name for one in here.fetch(acquisition_id_of("/test", "a.tif", image_id))] == ["a.tif"]
