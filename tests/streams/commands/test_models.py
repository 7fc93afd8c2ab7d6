"""`semstream models`."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from stages.denoise import resident
from streams.cli import outcome_of
from streams.model_card import AdaptationCard, BaseWeights, FramesUsed, NoiseSummary, RiskFound
from streams.pipeline import load_pipeline
from tests.networks import pipeline_with, small_network

Out = pytest.CaptureFixture[str]


def card(weights: Path) -> AdaptationCard:
    return AdaptationCard(
        name=weights.stem,
        sha256=resident.weights_sha256(str(weights)),
        widths=(8, 16),
        blocks=1,
        parameters=1,
        base=BaseWeights(name="unet-sim", sha256="35" * 32),
        frames=FramesUsed(training=45, held_out=11, left_out=0, digest="ab" * 16),
        noise=NoiseSummary(sigma=0.08, sigma_range=(0.07, 0.09), gain=0.01, offset=0.0, row_acf=(1.0, 0.5)),
        course={"seed": 7, "total_steps": 1750},
        risk=RiskFound(before=0.045, after=0.028, se=0.003, row_before=0.03, row_after=0.005),
        made_at="2026-11-28T12:00:00+00:00",
        minutes=9.0,
        versions={},
    )


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in a folder with ``mine/adapted``, which has a card, and ``mine/plain``, which has none."""
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    adapted = small_network(Path("mine/adapted.safetensors"))
    Path("mine/adapted.json").write_bytes(card(adapted).to_json())
    small_network(Path("mine/plain.safetensors"), seed=1)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what is shipped, to be spoilt."""
    copy = tmp_path / "shipped"
    shutil.copytree(resident.SHIPPED, copy)
    monkeypatch.setattr(resident, "SHIPPED", copy)
    return copy


def test_shipped_and_own_weights_are_listed_with_what_they_are(capsys: Out) -> None:
    assert outcome_of(("models", "list", "--folder", "mine", "--json")) == (0, "")
    said = capsys.readouterr().out
    found = {one["name"]: one for one in json.loads(said.splitlines()[-1])}
    assert list(found) == ["drunet-sim", "unet-sim", "mine/adapted.safetensors", "mine/plain.safetensors"]
    assert [one["origin"] for one in found.values()] == [
        "shipped",
        "shipped",
        "adapted from unet-sim to 45 frames",
        "no card",
    ]
    assert (found["unet-sim"]["parameters"], found["unet-sim"]["widths"]) == (1_041_824, [32, 64, 128])
    assert found["mine/adapted.safetensors"]["card"]["risk"]["after"] == 0.028
    assert "0.0450 0.0280 ± 0.0030" in said


def test_showing_weights_tells_their_card(capsys: Out) -> None:
    assert outcome_of(("models", "show", "unet-sim")) == (0, "")
    assert "Mean PSNR in dB on simulated scans" in capsys.readouterr().out
    assert outcome_of(("models", "show", "mine/adapted.safetensors")) == (0, "")
    said = capsys.readouterr().out
    assert "8-16, 1 blocks" in said
    assert '"total_steps": 1750' in said


def test_what_is_as_it_should_be_is_well(capsys: Out) -> None:
    assert outcome_of(("models", "verify", "--folder", "mine")) == (0, "")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["well", "drunet-sim"],
        ["well", "unet-sim"],
        ["well", "mine/adapted.safetensors"],
        ["well", "mine/plain.safetensors"],
    ]
    assert all("as pinned" in line for line in lines[:-1])
    assert "nothing pins its sha256" in lines[-1]


def test_each_wrong_file_is_one_line_and_exit_code_1(shipped: Path, capsys: Out) -> None:
    small_network(shipped / "unet-sim.safetensors")
    small_network(Path("mine/adapted.safetensors"), seed=2)
    Path("mine/broken.safetensors").write_bytes(b"garbage")
    save_file({"weight": torch.zeros(3, 3, 3, 3)}, "mine/other.safetensors")
    eights = load_file("mine/plain.safetensors")
    eights["tail.weight"] = eights["tail.weight"].to(torch.float8_e4m3fn)
    save_file(eights, "mine/eights.safetensors")
    Path("mine/carded.json").write_text("{}")
    small_network(Path("mine/carded.safetensors"))
    assert outcome_of(("models", "verify", "--folder", "mine")) == (1, "")
    lines = dict(line.split(maxsplit=2)[1:] for line in capsys.readouterr().out.splitlines())
    assert "is not as it was shipped" in lines["unet-sim"]
    assert "its card mine/adapted.json is of" in lines["mine/adapted.safetensors"]
    assert "is no safetensors file" in lines["mine/broken.safetensors"]
    assert "holds no network of this program" in lines["mine/other.safetensors"]
    assert "the card beside mine/carded.safetensors is none" in lines["mine/carded.safetensors"]
    assert "tail.weight is of F8_E4M3" in lines["mine/eights.safetensors"]
    assert len(lines) == 8


def test_the_card_of_trained_weights_pins_them_where_it_names_their_content(capsys: Out) -> None:
    card_text = "# plain\n- **Weights**: sha256 `{}`.\n"
    sha256 = resident.weights_sha256("mine/plain.safetensors")
    Path("mine/plain.md").write_text(card_text.format(sha256))
    assert outcome_of(("models", "verify", "mine/plain.safetensors")) == (0, "")
    assert "as pinned" in capsys.readouterr().out
    Path("mine/plain.md").write_text(card_text.format("cd" * 32))
    assert outcome_of(("models", "verify", "mine/plain.safetensors")) == (1, "")
    assert "its card mine/plain.md is of cdcdcdcd" in capsys.readouterr().out


def test_shipped_weights_that_are_gone_are_missed(shipped: Path, capsys: Out) -> None:
    (shipped / "unet-sim.safetensors").unlink()
    assert outcome_of(("models", "verify")) == (1, "")
    assert "there are no weights at" in capsys.readouterr().out


def test_what_is_wrong_is_told_beside_the_list(capsys: Out) -> None:
    Path("mine/broken.safetensors").write_bytes(b"garbage")
    save_file({"head.weight": torch.tensor(1.0), "body.0.first.weight": torch.zeros(1)}, "mine/flat.safetensors")
    assert outcome_of(("models", "list", "--folder", "mine")) == (0, "")
    said = capsys.readouterr()
    assert "mine/broken.safetensors: " in said.err
    assert "mine/flat.safetensors: " in said.err
    assert "mine/plain" in said.out


def test_showing_what_is_no_weights_is_wrong_usage() -> None:
    code, said = outcome_of(("models", "show", "unet-mars"))
    assert code == 2
    assert "there are no weights at" in said


PIPELINE = pipeline_with('weights = "mine/plain.safetensors"   # our own')
PROMOTE = ("models", "promote", "mine/adapted.safetensors", "--pipeline", "old.toml", "--out", "new.toml")


def test_promoted_weights_stand_in_a_copy_and_nothing_else_changes(capsys: Out) -> None:
    Path("old.toml").write_text(PIPELINE)
    assert outcome_of((*PROMOTE, "--candidate", "small")) == (0, "")
    said = capsys.readouterr().out
    after = str(Path("mine/adapted.safetensors").resolve())
    assert "candidate small: weights mine/plain.safetensors (" in said
    assert f"-> {after} (" in said
    assert "to undo it, go on with old.toml" in said
    expected = PIPELINE.replace('"mine/plain.safetensors"   # our own', f'"{after}"')
    assert Path("new.toml").read_text() == expected
    assert Path("old.toml").read_text() == PIPELINE
    hashes = [load_pipeline(Path(name)).hash for name in ("old.toml", "new.toml")]
    assert f"pipeline {hashes[0]} -> {hashes[1]}" in said


def test_every_network_of_the_default_pipeline_has_them_and_the_blend_too(capsys: Out) -> None:
    tensors = load_file(resident.SHIPPED / "unet-sim.safetensors")
    save_file({name: 2 * value for name, value in tensors.items()}, "mine/other.safetensors")
    assert outcome_of(("models", "promote", "mine/other.safetensors", "--out", "new.toml")) == (0, "")
    said = capsys.readouterr().out
    assert "candidate unet: weights unet-sim (35b329e9ab0e)" in said
    assert "candidate blend: weights unet-sim (35b329e9ab0e)" in said
    assert Path("new.toml").read_text().count("mine/other.safetensors") == 2


def test_the_network_that_is_named_has_them_alone_and_those_left_are_told(capsys: Out) -> None:
    shutil.copy(resident.SHIPPED / "unet-sim.safetensors", "mine/copy.safetensors")
    promote = ("models", "promote", "mine/copy.safetensors", "--out", "new.toml", "--candidate", "blend")
    assert outcome_of(promote) == (0, "")
    said = capsys.readouterr().out
    assert "candidate blend: weights unet-sim (35b329e9ab0e)" in said
    assert "candidate unet keeps unet-sim" in said
    assert load_pipeline(Path("new.toml")).hash == load_pipeline().hash


def test_a_network_of_another_form_keeps_its_weights(capsys: Out) -> None:
    Path("old.toml").write_text(PIPELINE)
    assert outcome_of(PROMOTE) == (0, "")
    said = capsys.readouterr().out
    assert "candidate small: weights mine/plain.safetensors" in said
    assert "candidate unet keeps unet-sim" in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("--candidate", "nlm"), "its networks are unet, small"),
        (("--candidate", "unet"), "does not fit a network of widths (32, 64, 128)"),
        (("--out", "old.toml", "--candidate", "small"), "old.toml exists; a pipeline file is never overwritten"),
    ],
)
def test_a_wrong_promotion_is_one_line_and_writes_nothing(changes: tuple[str, ...], message: str) -> None:
    Path("old.toml").write_text(PIPELINE)
    code, said = outcome_of((*PROMOTE, *changes))
    assert (code, message in said) == (2, True), said
    assert not Path("new.toml").exists()
    assert Path("old.toml").read_text() == PIPELINE
