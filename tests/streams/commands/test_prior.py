"""`semstream prior`, and `semstream run` with what it builds."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from schemas.events import ImageEvent
from schemas.frame import Pixels
from schemas.prior import Prior
from schemas.scores import RAW, PriorUse
from streams.cli import outcome_of
from tests.folders import events_of
from tests.priors import frames
from tests.stages.scan import scanned, scene

BUILD = ("prior", "build", "many", "--name", "sim-fast", "--instrument", "sim-1", "--out", "prior.json")
RUN = ("run", "few", "--out", "out", "--pipeline", "pipeline.toml")
PIPELINE = """
path = ["stages.filter:Filter", "stages.metrics:Metrics", "stages.selector:Selector"]
[filter.candidates.gaussian]
method = "stages.filter.gaussian:Gaussian"
"""


def write(path: Path, frame: Pixels) -> None:
    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, np.rint(frame * 255).astype(np.uint8))


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in a folder with ``many/``, ``few/`` and a pipeline file."""
    monkeypatch.chdir(tmp_path)
    for number, frame in enumerate(frames(6, electrons=60, lag1=0.4, side=96)):
        write(tmp_path / "many" / f"{number}.tif", frame)
    for name, side in (("large", 96), ("small", 24)):
        write(tmp_path / "few" / f"{name}.tif", scanned(scene(height=side, width=side), electrons=60, lag1=0.4))
    write(tmp_path / "few" / "tiny.tif", scanned(scene(height=12, width=40), electrons=60, lag1=0.4))
    write(tmp_path / "few" / "other.tif", scanned(scene(height=96, width=96), electrons=12, lag1=0.4))
    (tmp_path / "pipeline.toml").write_text(PIPELINE)


def by_name() -> dict[str, ImageEvent]:
    return {Path(event.acquisition.source_name).stem: event for event in events_of(Path("out"))}


def test_a_run_with_a_prior_knows_the_noise_of_frames_that_say_too_little() -> None:
    assert outcome_of(RUN) == (0, "")
    without = by_name()
    assert outcome_of(BUILD) == (0, "")
    assert outcome_of((*RUN, "--prior", "prior.json", "--instrument", "sim-1")) == (0, "")
    events = by_name()
    prior = Prior.from_json(Path("prior.json").read_bytes())
    for name, event in events.items():
        assert event.image.image_id == without[name].image.image_id
        assert event.image.version != without[name].image.version
        assert (event.image.prior, event.image.prior_law) == (prior.ref, prior)
    uses = {name: event.noise.prior_use for name, event in events.items() if event.noise}
    assert uses == {
        "large": PriorUse.COMBINED,
        "small": PriorUse.COMBINED,
        "tiny": PriorUse.ALONE,
        "other": PriorUse.CONTRADICTED,
    }
    chosen = {name: event.selection.chosen for name, event in events.items() if event.selection}
    assert without["tiny"].selection
    assert (without["tiny"].selection.chosen, chosen["tiny"]) == (RAW, "gaussian")
    flags = {name: event.selection.flags for name, event in events.items() if event.selection}
    assert any("feed's prior stands for it" in flag for flag in flags["tiny"])
    assert any("check the instrument's settings" in flag for flag in flags["other"])
    assert not flags["large"]
    assert f"Prior: the noise is that of the feed&#x27;s prior {prior.ref}" in Path("out/report.html").read_text()
    certificate = json.loads(Path("out/images/tiny.tif.json").read_bytes())
    assert prior.ref in certificate["noise"]["prior"]


def test_a_prior_is_built_again_as_it_was_and_never_changed(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome_of(BUILD) == (0, "")
    before = Path("prior.json").read_bytes()
    assert outcome_of(BUILD) == (0, "")
    Path("many/0.tif").unlink()
    code, message = outcome_of(BUILD)
    assert (code, "prior.json exists and is another one" in message) == (2, True)
    assert Path("prior.json").read_bytes() == before
    capsys.readouterr()
    assert outcome_of(("prior", "show", "prior.json", "--json")) == (0, "")
    shown = capsys.readouterr().out
    assert "row correlation" in shown
    assert json.loads(shown.splitlines()[-1]) == json.loads(before)


def test_files_that_are_no_images_or_broken_ones_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    Path("many/notes.txt").write_text("nothing to see")
    Path("many/broken.tif").write_bytes(Path("many/0.tif").read_bytes()[:60])
    assert outcome_of(BUILD) == (0, "")
    told = capsys.readouterr().err
    assert "left out broken.tif: " in told
    assert "notes" not in told
    assert Prior.from_json(Path("prior.json").read_bytes()).frames == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*BUILD[:2], "absent", *BUILD[3:]), "absent is no folder"),
        (
            (*BUILD[:2], "few", *BUILD[3:]),
            "few: a prior needs 5 frames whose noise law holds, and there are 2; of the others: less than 4096 px",
        ),
        ((*BUILD[:4], "Sim Fast", *BUILD[5:]), "--name 'Sim Fast'"),
        ((*BUILD[:-1], "many"), "cannot write many: Is a directory"),
        (("prior", "show", "absent.json"), "cannot read the prior absent.json: No such file"),
        (("prior", "show", "pipeline.toml"), "pipeline.toml is no prior of semstream prior build"),
        ((*RUN, "--prior", "absent.json"), "cannot read the prior absent.json: No such file"),
        ((*RUN, "--prior", "few"), "cannot read the prior few: Is a directory"),
        ((*RUN, "--prior", "many/0.tif"), "many/0.tif is no prior of semstream prior build"),
        ((*RUN, "--prior", "empty.json"), "empty.json is no prior of semstream prior build: name: field required"),
        (("publish", "few", "--prior", "absent.json"), "cannot read the prior absent.json: No such file"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    Path("empty.json").write_text("{}")
    code, said = outcome_of(arguments)
    assert code == 2
    assert message in said
    assert "\n" not in said


def test_a_prior_that_was_altered_or_is_another_instruments_is_refused() -> None:
    assert outcome_of(BUILD) == (0, "")
    code, said = outcome_of((*RUN, "--prior", "prior.json", "--instrument", "sim-2"))
    assert (code, said) == (2, "prior.json is the prior of sim-1, and the images are of sim-2")
    altered = json.loads(Path("prior.json").read_bytes()) | {"gain": 0.5}
    Path("altered.json").write_text(json.dumps(altered))
    code, said = outcome_of((*RUN, "--prior", "altered.json"))
    assert (code, "altered.json is no prior" in said, "it was altered" in said) == (2, True, True)


def test_a_prior_of_stated_bits_is_refused_where_others_or_none_are_stated() -> None:
    assert outcome_of((*BUILD, "--bits", "12")) == (0, "")
    assert Prior.from_json(Path("prior.json").read_bytes()).bits == 12
    refusal = "prior.json was built with --bits 12: say so here too, or build one of these images"
    for options in ((), ("--bits", "14")):
        for command in (RUN, ("publish", "few")):
            assert outcome_of((*command, "--prior", "prior.json", *options)) == (2, refusal)
    assert outcome_of((*RUN, "--prior", "prior.json", "--bits", "12")) == (0, "")


def test_a_prior_of_another_instrument_or_recipe_is_refused() -> None:
    assert outcome_of((*BUILD, "--recipe", "fast")) == (0, "")
    for options, message in (
        (("--instrument", "sim-2"), "prior.json is the prior of sim-1, and the images are of sim-2"),
        (("--recipe", "slow"), "prior.json is the prior of recipe fast, and the images are of recipe slow"),
    ):
        for command in (RUN, ("publish", "few")):
            assert outcome_of((*command, "--prior", "prior.json", *options)) == (2, message)
