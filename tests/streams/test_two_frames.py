"""Two frames of one field in the embedded mode, from the folder to the selection and its explanation."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from schemas.events import ImageEvent
from schemas.frame import Pixels
from schemas.scores import RAW, Judge
from streams.cli import outcome_of
from tests.folders import events_of
from tests.stages.scan import scanned, scene

PIPELINE = """
path = ["stages.filter:Filter", "stages.metrics:Metrics", "stages.selector:Selector"]
[filter.candidates.gaussian]
method = "stages.filter.gaussian:Gaussian"
"""
RUN = ("run", "in", "--out", "out", "--pipeline", "pipeline.toml")
TWO = (*RUN, "--second-suffix", "_f2")


def frame(kind: str, seed: int) -> Pixels:
    return scanned(scene(kind, height=96, width=96), electrons=40, seed=seed)


def write(name: str, pixels: Pixels) -> None:
    tifffile.imwrite(f"in/{name}.tif", np.rint(pixels * 255).astype(np.uint8))


def judges(event: ImageEvent) -> dict[str, Judge]:
    return {c.name: c.risk.by for c in event.candidates if c.risk is not None}


def known_and_computed() -> tuple[int, int]:
    summary = json.loads(Path("out/summary.json").read_text())
    return summary["cache_hits"], summary["computed"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field of two frames and one of one frame."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("pipeline.toml").write_text(PIPELINE)
    write("pair", frame("particles", 1))
    write("pair_f2", np.roll(frame("particles", 2), (2, -1), (0, 1)))
    write("single", frame("lines", 3))


def by_name() -> dict[str, ImageEvent]:
    return {event.acquisition.source_name: event for event in events_of(Path("out"))}


def test_the_second_frame_judges_the_first_and_the_other_image_is_as_ever(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome_of(TWO) == (0, "")
    events = by_name()
    pair, single = events["pair.tif"], events["single.tif"]
    assert len(events) == 2
    assert judges(pair) == dict.fromkeys((RAW, "average", "gaussian"), Judge.SECOND_FRAME)
    assert judges(single) == dict.fromkeys((RAW, "gaussian"), Judge.RECORRUPTION)
    assert pair.selection is not None
    assert "A second frame of its field was the judge." in pair.selection.reason
    certificate = json.loads(Path("out/images/pair.tif.json").read_text())
    assert {candidate["name"] for candidate in certificate["candidates"]} >= {"average", "gaussian"}
    assert certificate["second_sha256"] == hashlib.sha256(Path("in/pair_f2.tif").read_bytes()).hexdigest()
    assert "second_sha256" not in json.loads(Path("out/images/single.tif.json").read_text())
    capsys.readouterr()
    for name in ("pair.tif", "single.tif"):
        assert outcome_of(("explain", name, "--json", *RUN[2:])) == (0, "")
        (figures,) = json.loads(capsys.readouterr().out)
        assert ("average" in {one["name"] for one in figures["candidates"]}) == (name == "pair.tif")


def test_an_image_without_a_second_frame_has_the_same_outcomes_with_and_without_the_option() -> None:
    assert outcome_of(TWO) == (0, "")
    single = by_name()["single.tif"].image
    assert outcome_of(RUN) == (0, "")
    events = by_name()
    assert set(events) == {"pair.tif", "pair_f2.tif", "single.tif"}
    assert events["single.tif"].image == single
    assert known_and_computed() == (1, 2)


def test_another_second_frame_makes_another_version_and_everything_is_computed_anew() -> None:
    assert outcome_of(TWO) == (0, "")
    before = by_name()["pair.tif"]
    write("pair_f2", frame("particles", 9))
    assert outcome_of(TWO) == (0, "")
    after = by_name()["pair.tif"]
    assert (after.image.image_id, after.image.object) == (before.image.image_id, before.image.object)
    assert after.image.version != before.image.version
    assert known_and_computed() == (1, 1)


def test_two_frames_of_a_12_bit_detector_are_of_one_scale_however_many_of_their_pixels_saturate() -> None:
    for name, seed, saturated in (("pair", 1, 17), ("pair_f2", 2, 15)):
        levels = np.rint(frame("particles", seed) * 3000).astype(np.uint16)
        levels[2, 2 : 2 + saturated] = 4095
        tifffile.imwrite(f"in/{name}.tif", levels)
    assert outcome_of(TWO) == (0, "")
    pair = by_name()["pair.tif"]
    assert pair.image.effective_bits == 12
    assert pair.candidate("average").skipped is None


def test_a_second_frame_of_another_size_fails_its_image_alone() -> None:
    write("pair_f2", frame("particles", 2)[:80])
    code, _ = outcome_of(TWO)
    assert code == 1
    (failure,) = json.loads(Path("out/summary.json").read_text())["failures"]
    assert failure["path"] == "pair.tif"
    assert "its second frame pair_f2.tif has pages of 96 x 80 px, the image of 96 x 96 px" in failure["reason"]
    assert set(by_name()) == {"single.tif"}
