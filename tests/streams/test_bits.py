"""A 12-bit detector that writes 16-bit files, from the folder to the certificate: ``--bits 12``."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from schemas.events import ImageEvent
from schemas.prior import Prior
from schemas.scores import NoiseRecord
from streams.cli import outcome_of
from streams.folder_frames import FolderFrame, frames_of
from streams.formats.sandbox import Decoder
from streams.source import folder_files
from tests.folders import events_of
from tests.hostile.blocks import encoded
from tests.stages.scan import scanned, scene

PIPELINE = """
path = ["stages.filter:Filter", "stages.metrics:Metrics", "stages.selector:Selector"]
[filter.candidates.gaussian]
method = "stages.filter.gaussian:Gaussian"
"""
RUN = ("run", "in", "--out", "out", "--pipeline", "pipeline.toml")
BITS = ("--bits", "12")
PRIOR = ("prior", "build", "in", "--name", "fast", "--out", "prior.json")
Levels = NDArray[np.uint16]


def levels(seed: int, *, saturated: int) -> Levels:
    """A frame whose white is 4095, with so many pixels there."""
    frame = scanned(scene(height=128, width=128, seed=seed), electrons=40, seed=seed, bits=12)
    found: Levels = np.rint(np.minimum(frame, 0.97) * 4095).astype(np.uint16)
    found[2, 2 : 2 + saturated] = 4095
    return found


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in a folder with a frame that shows its scale, one that does not, and a pipeline file."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("pipeline.toml").write_text(PIPELINE)
    tifffile.imwrite("in/shows.tif", levels(1, saturated=17))
    tifffile.imwrite("in/hides.tif", levels(2, saturated=3))


def by_name() -> dict[str, ImageEvent]:
    return {Path(event.acquisition.source_name).stem: event for event in events_of(Path("out"))}


def law_of(event: ImageEvent) -> NoiseRecord:
    assert event.noise is not None
    assert event.noise.holds
    return event.noise


def frames(*, bits: int | None) -> tuple[dict[str, FolderFrame], list[str]]:
    told: list[str] = []

    def hear(name: str, why: str) -> None:
        told.append(f"{name}: {why}")

    with Decoder() as decoder:
        files = folder_files(Path("in"), second_suffix="_f2")
        found = {Path(frame.name).stem: frame for frame in frames_of(files, decoder, hear, hear, bits=bits)}
    return found, told


def test_the_noise_laws_of_frames_agree_whether_they_saturate_or_not() -> None:
    Path("in/hides.png").write_bytes(encoded(".png", levels(3, saturated=3)))
    tifffile.imwrite("in/inverted.tif", 4095 - levels(4, saturated=3), photometric="miniswhite")
    assert outcome_of((*RUN, *BITS)) == (0, "")
    events = events_of(Path("out"))
    assert len(events) == 4
    first, *others = (law_of(event) for event in events)
    for law in others:
        assert abs(law.gain - first.gain) < 4 * np.hypot(law.gain_se, first.gain_se)
        assert law.sigma == pytest.approx(first.sigma, rel=0.3)
    for event in events:
        name = f"{Path(event.acquisition.source_name).stem}.tif"
        path = Path("out/images") / (f"{event.acquisition.source_name}.tif" if event.image.format == "png" else name)
        assert event.image.effective_bits == 12
        assert json.loads(Path(f"{path}.json").read_text())["effective_bits"] == 12
        assert tifffile.imread(path).max() <= 4095


def test_without_the_option_each_file_is_asked_and_their_laws_are_16_times_apart() -> None:
    assert outcome_of(RUN) == (0, "")
    asked = by_name()
    assert {name: event.image.effective_bits for name, event in asked.items()} == {"shows": 12, "hides": 16}
    assert law_of(asked["shows"]).sigma > 10 * law_of(asked["hides"]).sigma
    assert outcome_of((*RUN, *BITS)) == (0, "")
    told = by_name()
    for name, event in told.items():
        assert event.acquisition.acquisition_id == asked[name].acquisition.acquisition_id
        assert event.image.version != asked[name].image.version


def test_an_8_bit_file_is_the_same_image_with_the_option() -> None:
    tifffile.imwrite("in/byte.tif", (levels(5, saturated=0) >> 4).astype(np.uint8))
    assert outcome_of(RUN) == (0, "")
    before = by_name()["byte"].image
    assert outcome_of((*RUN, *BITS)) == (0, "")
    assert by_name()["byte"].image == before


def test_a_level_above_the_detectors_fails_its_image_alone_in_one_line() -> None:
    bright = levels(3, saturated=3)
    bright[9, 9] = 5000
    tifffile.imwrite("in/bright.tif", bright)
    assert outcome_of((*RUN, *BITS))[0] == 1
    (failure,) = json.loads(Path("out/summary.json").read_text())["failures"]
    assert failure["path"] == "bright.tif"
    assert failure["reason"].startswith("a pixel of 5000 exceeds 4095, the full scale of --bits 12: ")
    assert "\n" not in failure["reason"]
    assert set(by_name()) == {"shows", "hides"}


def test_a_second_frame_is_of_the_same_scale_or_refused() -> None:
    tifffile.imwrite("in/hides_f2.tif", levels(2, saturated=17))
    bright = levels(1, saturated=3)
    bright[9, 9] = 5000
    tifffile.imwrite("in/shows_f2.tif", bright)
    found, told = frames(bits=12)
    second = found["hides"].second
    assert second is not None
    assert second.mean() == pytest.approx(found["hides"].pixels.mean(), rel=0.02)
    assert found["shows"].second is None
    why = "its second frame shows_f2.tif: a pixel of 5000 exceeds 4095, the full scale of --bits 12"
    assert len(told) == 1
    assert told[0].startswith(f"shows.tif: {why}")
    assert outcome_of((*RUN, "--second-suffix", "_f2", *BITS))[0] == 1
    (failure,) = json.loads(Path("out/summary.json").read_text())["failures"]
    assert failure["reason"].startswith(why)
    assert set(by_name()) == {"hides"}


def test_a_prior_is_learned_on_the_scale_that_is_said() -> None:
    for seed in range(3, 9):
        tifffile.imwrite(f"in/{seed}.tif", levels(seed, saturated=3 if seed % 2 else 17))
    assert outcome_of((*PRIOR, *BITS)) == (0, "")
    built = Prior.from_json(Path("prior.json").read_bytes())
    assert (built.frames, built.left_out) == (8, 0)
    variance = built.gain * built.grey + built.offset
    assert variance == pytest.approx(built.grey / 40, rel=0.25)
    assert built.variance_spread < 0.2 * variance


def test_a_network_is_adapted_to_frames_on_the_scale_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    tifffile.imwrite("in/bright.tif", levels(3, saturated=3) + np.uint16(4000))
    code, message = outcome_of(("adapt", "in", "--out", "new.safetensors", "--threads", "1", *BITS))
    assert code == 2
    assert message.startswith("2 frames can be learned from and 0 cannot")
    assert "the full scale of --bits 12" in capsys.readouterr().err


@pytest.mark.parametrize("bits", ["8", "17"])
def test_bits_that_no_16_bit_file_has_are_wrong_usage(bits: str) -> None:
    code, message = outcome_of((*RUN, "--bits", bits))
    assert code == 2
    assert message.startswith("Invalid value for '--bits'")
