import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from schemas.events import ImageEvent
from schemas.frame import Frame
from schemas.image import ObjectRef, Roi, acquisition_id_of
from schemas.scores import RAW, Candidate, Selection
from streams.adapters.folder_store import FolderStore
from streams.errors import InvalidImage
from streams.frames import Frames
from streams.results import Results
from tests.events import image_event
from tests.streams.report.entries import NOISE
from tests.toys import SIDE, ToyDecoder, toy_file


class Stitching(ToyDecoder):
    """Decodes toys and "stitches" by writing the selected pixels down."""

    def stitched(self, original: bytes, page: int, roi: Roi, selected: Frame, bits: int | None = None) -> bytes:
        return b"stitched:" + np.rint(selected.pixels * 255).astype(np.uint8).tobytes()


class Desk(SimpleNamespace):
    """Results, and the means to make events for them."""

    results: Results
    store: FolderStore
    frames: Frames

    def event(self, name: str, *, seed: int = 1, page: int = 0, pages: int = 1, chosen: str = RAW) -> ImageEvent:
        ref = self.store.put(toy_file(seed), folder="raw/sim-1", suffix=".toy", media_type="x")
        event = image_event(ref, name=name, width=SIDE, height=SIDE)
        identity = f"{event.image.object.sha256[:32]}-{page}"
        image = event.image.but(page=page, page_count=pages, image_id=identity)
        acquisition = event.acquisition.but(acquisition_id=acquisition_id_of("/test", name, identity))
        kept = self.frames.keep(Frame(np.full((SIDE, SIDE), 0.2, np.float32)))
        candidate = Candidate(name="flat", stage="shade", method="Flat", config_hash="f", object=kept)
        return event.but(
            acquisition=acquisition,
            image=image,
            candidates=(candidate,),
            selection=Selection(chosen=chosen, rule="test", reason="because"),
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = FolderStore(tmp_path / "objects")
    frames = Frames(store, ToyDecoder())
    results = Results(tmp_path / "out", store, frames, Stitching(), pipeline="p1")  # type: ignore[arg-type]
    yield Desk(results=results, store=store, frames=frames)


@pytest.mark.parametrize(
    ("name", "page", "pages", "written"),
    [
        ("a.tif", 0, 1, "a.tif"),
        ("lot 1/a.TIFF", 0, 1, "lot 1/a.TIFF"),
        ("a.png", 0, 1, "a.png.tif"),
        ("a", 0, 1, "a.tif"),
        ("a.tif", 1, 12, "a.p0002.tif"),
        ("a.bmp", 0, 2, "a.bmp.p0001.tif"),
        ("a.b.tif", 0, 1, "a.b.tif"),
    ],
)
def test_a_result_has_the_source_s_name_as_tiff(desk: Desk, name: str, page: int, pages: int, written: str) -> None:
    assert desk.results.output_name(desk.event(name, page=page, pages=pages)) == written


def test_an_evidence_map_lies_beside_a_restored_result_and_none_beside_a_raw_frame(desk: Desk, tmp_path: Path) -> None:
    images = tmp_path / "out" / "images"
    restored = desk.event("a.tif", chosen="flat").but(noise=NOISE)
    desk.results.selected(restored)
    picture = cv2.imread(str(images / "a.tif.evidence.png"), cv2.IMREAD_UNCHANGED)
    findings = json.loads((images / "a.tif.json").read_text())["findings"]
    assert picture is not None
    assert picture.shape == (SIDE, SIDE)
    assert {int(np.sign(int(picture[f["y"], f["x"]]) - 128)) == np.sign(f["z"]) for f in findings} == {True}
    desk.results.selected(desk.event("a.tif").but(noise=NOISE))
    assert sorted(path.name for path in images.iterdir()) == ["a.tif", "a.tif.json"]
    assert json.loads((images / "a.tif.json").read_text())["findings"] is None


def test_like_named_results_do_not_meet_and_keep_their_names(desk: Desk) -> None:
    events = [desk.event(name) for name in ("a.tif", "A.tif", "a.TIF", "b.png", "b.png.tif")]
    names = [desk.results.output_name(event) for event in events]
    assert names[0] == "a.tif"
    assert names[3] == "b.png.tif"
    assert len({name.lower() for name in names}) == 5
    assert [desk.results.output_name(event) for event in reversed(events)] == names[::-1]


@pytest.mark.parametrize("name", ["x" * 255, "x" * 251 + ".tif", "한" * 83 + ".tif", "lot/" + "é" * 125 + ".png"])
def test_a_long_name_leaves_room_for_the_certificate(desk: Desk, name: str) -> None:
    written = desk.results.output_name(desk.event(name))
    assert len(Path(written).name.encode()) <= 250
    assert Path(written).parent == Path(name).parent
    assert Path(written).suffix == ".tif"


def test_a_result_stands_beside_a_certificate_that_accounts_for_it(desk: Desk, tmp_path: Path) -> None:
    event = desk.event("lot/a.tif", chosen="flat")
    desk.results.selected(event)
    data = (tmp_path / "out" / "images" / "lot" / "a.tif").read_bytes()
    assert data == b"stitched:" + bytes([51]) * SIDE * SIDE
    certificate = json.loads((tmp_path / "out" / "images" / "lot" / "a.tif.json").read_text())
    assert certificate["output_sha256"] == hashlib.sha256(data).hexdigest()
    assert certificate["input_sha256"] == event.image.object.sha256
    assert certificate["image_id"] == event.image.image_id
    assert certificate["selection"]["reason"] == "because"
    assert [candidate["name"] for candidate in certificate["candidates"]] == ["flat"]
    assert certificate["pipeline"] == "p1"
    assert [certificate[name] for name in ("instrument_id", "recipe", "pixel_size_nm")] == ["unknown", None, None]
    assert {"semstream", "numpy", "python"} <= certificate["versions"].keys()
    assert desk.results.by_method == {"flat": 1}


def test_a_certificate_says_how_the_image_was_taken(desk: Desk, tmp_path: Path) -> None:
    event = desk.event("a.tif")
    taken = event.image.but(instrument_id="sem-1", recipe="lines", pixel_size_nm=5.8)
    desk.results.selected(event.but(image=taken))
    certificate = json.loads((tmp_path / "out" / "images" / "a.tif.json").read_text())
    assert [certificate[name] for name in ("instrument_id", "recipe", "pixel_size_nm")] == ["sem-1", "lines", 5.8]


def test_an_event_without_a_selection_gives_the_raw_frame(desk: Desk, tmp_path: Path) -> None:
    desk.results.selected(desk.event("a.tif").but(selection=None))
    assert (tmp_path / "out" / "images" / "a.tif").read_bytes() == b"stitched:" + toy_file(1)


def test_events_are_read_back_in_the_order_of_their_names(desk: Desk) -> None:
    events = [desk.event(name, seed=n) for n, name in enumerate(["c.tif", "a.tif", "b.tif"])]
    for event in events:
        desk.results.selected(event)
    assert [event.acquisition.source_name for event in desk.results.events()] == ["a.tif", "b.tif", "c.tif"]
    assert set(map(ImageEvent.to_json, desk.results.events())) == set(map(ImageEvent.to_json, events))


def test_a_new_run_begins_new_lists_and_leaves_the_images(desk: Desk, tmp_path: Path) -> None:
    desk.results.selected(desk.event("a.tif"))
    again = Results(tmp_path / "out", desk.store, desk.frames, Stitching(), pipeline="p1")  # type: ignore[arg-type]
    assert list(again.events()) == []
    assert (tmp_path / "out" / "images" / "a.tif").exists()


def test_a_file_that_cannot_be_written_whole_is_not_there_at_all(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:5])
        raise OSError(28, "No space left on device")

    event = desk.event("a.tif")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        desk.results.selected(event)
    assert list((tmp_path / "out" / "images").iterdir()) == []
    assert list(desk.results.events()) == []
    assert desk.results.by_method == {}


def test_a_name_that_is_another_one_s_folder_is_the_image_s_fault(desk: Desk) -> None:
    desk.results.selected(desk.event("a.tif"))
    with pytest.raises(InvalidImage, match=r"cannot be named images/b\.tif: .*; rename the file"):
        desk.results.selected(desk.event("a.tif/b.tif"))


def test_a_candidate_whose_pixels_are_gone_is_told(desk: Desk, tmp_path: Path) -> None:
    event = desk.event("a.tif", chosen="flat")
    ref = event.candidate("flat").object
    assert isinstance(ref, ObjectRef)
    (tmp_path / "objects" / ref.key).unlink()
    fresh = Results(
        tmp_path / "out",
        desk.store,
        Frames(desk.store, ToyDecoder()),
        Stitching(),  # type: ignore[arg-type]
        pipeline="p1",
    )
    with pytest.raises(InvalidImage, match="gone from the store"):
        fresh.selected(event)
