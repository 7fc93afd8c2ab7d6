"""`semstream adapt`."""

import json
from dataclasses import replace
from errno import ENOSPC
from functools import partial
from hashlib import sha256
from os import strerror
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from safetensors.torch import load_file, save_file

from schemas.frame import Pixels
from stages.denoise.network import NetworkDenoiser
from stages.denoise.unet import ResidualUNet
from stages.noise import Noise, measure
from streams.adaptation import trainer_of
from streams.checkpoints import held
from streams.cli import outcome_of
from streams.model_card import AdaptationCard
from streams.whole_file import write_whole
from tests.priors import KINDS, frames
from tests.stages.scan import scanned, scene

ADAPT = ("adapt", "feed", "--out", "sem-1.safetensors", "--weights", "start.safetensors", "--steps", "60")
ONE_CORE = ("--threads", "1")


def write(path: Path, frame: Pixels) -> None:
    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, np.rint(frame * 255).astype(np.uint8))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder with ``feed/`` and weights of a small network that knows nothing yet."""
    monkeypatch.chdir(tmp_path)
    for number, frame in enumerate(frames(6, electrons=40, lag1=0.4, side=128)):
        write(tmp_path / "feed" / f"{number}.tif", frame)
    torch.manual_seed(0)
    weights = {name: value.detach() for name, value in ResidualUNet((8, 16), 1).named_parameters()}
    save_file(weights, tmp_path / "start.safetensors")
    return tmp_path


def test_weights_that_are_better_are_written_with_their_card(capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(Path("feed").iterdir())
    assert outcome_of((*ADAPT, *ONE_CORE)) == (0, "")
    told = capsys.readouterr()
    assert "training=4 pairs=0 held_out=2 left_out=0" in told.out
    assert "weights=sem-1.safetensors card=sem-1.json" in told.out
    assert "next: semstream models promote sem-1.safetensors --instrument ID --pipeline FILE" in told.out
    assert "judged by 2 frames only" in told.err
    card = AdaptationCard.from_json(Path("sem-1.json").read_bytes())
    assert card.sha256 == sha256(Path("sem-1.safetensors").read_bytes()).hexdigest()
    assert card.base.sha256 == sha256(Path("start.safetensors").read_bytes()).hexdigest()
    assert (card.course["total_steps"], card.course["seed"], card.widths) == (60, 7, (8, 16))
    assert card.risk.before - card.risk.after > card.risk.se > 0
    assert card.noise.row_acf[1] == pytest.approx(0.4, abs=0.05)
    frame = next(frames(1, electrons=40, lag1=0.4, side=64))
    assert NetworkDenoiser("./sem-1.safetensors", (8, 16), 1)([frame], [measure(frame)])[0].shape == (64, 64)
    assert sorted(Path("feed").iterdir()) == before


def test_slices_end_in_the_weights_of_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome_of((*ADAPT, *ONE_CORE)) == (0, "")
    sliced = ("adapt", "feed", "--out", "b/sem-1.safetensors", *ADAPT[4:], *ONE_CORE, "--checkpoints", "other")
    while not Path("b/sem-1.safetensors").exists():
        assert outcome_of((*sliced, "--minutes", "0.005")) == (0, "")
    said = capsys.readouterr().out
    assert "steps to come: run the same command again" in said
    one, two = load_file("sem-1.safetensors"), load_file("b/sem-1.safetensors")
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_what_a_wrong_noise_law_taught_is_refused_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def white(frame: Pixels) -> Noise:
        return replace(measure(frame), row_acf=(1.0,))

    monkeypatch.setattr("streams.commands.adapt.trainer_of", partial(trainer_of, law=white))
    assert outcome_of(("adapt", "feed", "--out", "sem-1.safetensors", "--steps", "12", *ONE_CORE)) == (3, "")
    said = capsys.readouterr().out.splitlines()
    assert said[-2].startswith("risk before=0.")
    assert said[-1].startswith("refused: the risk does not fall by more than its standard error")
    assert not list(Path().glob("sem-1*"))
    assert sorted(path.name for path in Path(".training").iterdir()) == ["adapt-sem-1.lock", "adapt-sem-1.safetensors"]


def test_frames_that_teach_nothing_are_told_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    small = next(frames(1, electrons=40, lag1=0.4, side=64))
    write(Path("feed/small.tif"), small)
    Path("feed/copy.tif").write_bytes(Path("feed/1.tif").read_bytes())
    Path("feed/broken.tif").write_bytes(b"II*\0" + bytes(40))
    assert outcome_of((*ADAPT, *ONE_CORE)) == (0, "")
    told = capsys.readouterr()
    assert "left out small.tif: its shorter side is 64 px, less than 112" in told.err
    assert "left out copy.tif: the same pixels as 1.tif" in told.err
    assert "left out broken.tif: " in told.err
    assert "left_out=2" in told.out
    assert json.loads(Path("sem-1.json").read_bytes())["frames"]["training"] == 4


def test_second_frames_beside_their_firsts_are_learned_from_as_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(6):
        clean = scene(KINDS[number % 4], height=128, width=128, seed=number)
        write(Path(f"feed/{number}_f2.tif"), scanned(clean, electrons=40, lag1=0.4, seed=5000 + number))
    Path("feed/2_f2.tif").write_bytes(Path("feed/2.tif").read_bytes())
    Path("feed/3_f2.tif").write_bytes(b"II*\0" + bytes(40))
    tifffile.imwrite("feed/4.tif", np.stack([tifffile.imread(Path("feed/4.tif")), tifffile.imread("feed/5_f2.tif")]))
    assert outcome_of((*ADAPT, *ONE_CORE, "--second-suffix", "_f2")) == (0, "")
    told = capsys.readouterr()
    assert "2.tif is used without its second frame: the two frames differ by 0% of their noise" in told.err
    assert "3.tif is used without its second frame: its second frame 3_f2.tif: " in told.err
    assert "4.tif is used without its second frame: its second frame 4_f2.tif: page 1" in told.err
    assert "left out 4.tif: it is the second frame of another one" in told.err
    card = AdaptationCard.from_json(Path("sem-1.json").read_bytes())
    assert f"pairs={card.frames.pairs} " in told.out
    assert 2 <= card.frames.pairs <= 4
    assert card.frames.training + card.frames.held_out == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("adapt", "nowhere", *ADAPT[2:]), "nowhere is no folder"),
        ((*ADAPT[:3], "sem-1.bin"), "name it sem-1.safetensors"),
        ((*ADAPT[:3], "start.safetensors"), "start.safetensors exists; weights are never overwritten"),
        ((*ADAPT[:3], "feed/sem-1.safetensors"), "lies in the input folder"),
        ((*ADAPT, "--weights", "unet-mars"), "there are no weights at"),
        ((*ADAPT, "--weights", "feed/1.tif"), "is no safetensors file"),
        (("adapt", *ADAPT[2:]), "name what to learn from: a folder of images, or --from and a query of the ledger"),
        ((*ADAPT, "--from", "select 1"), "name what to learn from: a folder of images, or --from"),
        (("adapt", *ADAPT[2:], "--from", "x", "--second-suffix", "_f2"), "--second-suffix is for a folder"),
        (("adapt", *ADAPT[2:], "--from", "x", "--bits", "12"), "--bits is for a folder: published images know theirs"),
        ((*ADAPT, "--instrument", "sem-1"), "--instrument, --lane and --settings go with --from"),
        ((*ADAPT, "--lane", "live"), "--instrument, --lane and --settings go with --from"),
        ((*ADAPT, "--second-suffix", "a/b"), "is no part of a file's name"),
        ((*ADAPT, "--out", "mine.safetensors"), "mine.json, where the card would be, is another file"),
        ((*ADAPT, "--threads", "0"), "Invalid value for '--threads'"),
        ((*ADAPT, "--steps", "0"), "Invalid value for '--steps'"),
        ((*ADAPT, "--holdout", "0.9"), "Invalid value for '--holdout'"),
        (("adapt", "few", *ADAPT[2:]), "3 frames can be learned from and 0 cannot; 4 are the least"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(changes: tuple[str, ...], message: str) -> None:
    Path("mine.json").write_text("{}")
    Path("few").mkdir()
    for number in range(3):
        Path(f"few/{number}.tif").write_bytes(Path(f"feed/{number}.tif").read_bytes())
    code, said = outcome_of(changes)
    assert (code, message in said) == (2, True), said
    assert "\n" not in said.strip()
    assert not Path(".training").exists()


def test_a_checkpoint_of_other_frames_is_wrong_usage() -> None:
    assert outcome_of((*ADAPT, *ONE_CORE, "--minutes", "0")) == (0, "")
    Path("feed/0.tif").unlink()
    code, said = outcome_of((*ADAPT, *ONE_CORE))
    assert code == 2
    assert said.endswith("move it away to start afresh")


def test_a_full_disk_between_card_and_weights_costs_nothing_but_the_same_command_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: Path, data: bytes) -> None:
        if path.suffix == ".safetensors":
            raise OSError(ENOSPC, strerror(ENOSPC), str(path))
        write_whole(path, data)

    with monkeypatch.context() as patched:
        patched.setattr("streams.adaptation.write_whole", full)
        code, said = outcome_of((*ADAPT, *ONE_CORE))
    assert (code, "sem-1.safetensors: No space left on device" in said) == (1, True), said
    assert sorted(path.name for path in Path().glob("sem-1*")) == ["sem-1.json"]
    assert not list(Path(".training").glob("*candidate*"))
    assert outcome_of((*ADAPT, *ONE_CORE)) == (0, "")
    card = AdaptationCard.from_json(Path("sem-1.json").read_bytes())
    assert card.sha256 == sha256(Path("sem-1.safetensors").read_bytes()).hexdigest()


def test_as_many_frames_are_read_as_fit_into_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("streams.commands.adapt.MOST_PIXELS", 4 * 128 * 128)
    assert outcome_of((*ADAPT, *ONE_CORE, "--minutes", "0")) == (0, "")
    told = capsys.readouterr()
    assert "training=2 pairs=0 held_out=2" in told.out
    assert "the first 4 frames, second ones counted, of 0 million pixels are read" in told.err


def test_one_process_at_a_time_adapts_from_a_checkpoint() -> None:
    with held(Path(".training/adapt-sem-1.safetensors")):
        code, said = outcome_of((*ADAPT, *ONE_CORE))
    assert (code, "another semstream is training from" in said) == (2, True), said
