"""Weights that a training hands out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.denoise.network import NetworkDenoiser
from stages.denoise.resident import weights_sha256
from stages.noise import measure
from stages.training.examination import questions
from stages.training.export import pinned_by
from stages.training.recipe import Recipe
from stages.training.trainer import Trainer
from streams import trained_weights as module
from streams.trained_weights import hand_out
from streams.weights import check
from tests.full_disk import full_disk

TINY = Recipe("tiny", (8, 16), 1, patch_px=32, batch=2, pool=4, scene_px=48, bf16=False)


@pytest.fixture(autouse=True)
def short_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "questions", lambda: questions(side_px=40)[::9])


@pytest.fixture
def trainer() -> Trainer:
    trainer = Trainer.on_simulated_scans(TINY)
    trainer.advance(elapsed_s=0)
    return trainer


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_weights_that_are_handed_out_are_ready_to_restore(trainer: Trainer, tmp_path: Path) -> None:
    path = hand_out(trainer, tmp_path / "out", hardware="a slide rule")
    asked = questions(side_px=40)[0]
    restored = NetworkDenoiser(str(path), (8, 16), 1)([asked.noisy], [measure(asked.noisy)])[0]
    assert restored.shape == (40, 40)
    text = path.with_suffix(".md").read_text()
    assert "1 steps" in text
    assert "a slide rule" in text
    assert "| lines |" in text
    assert pinned_by(text) == weights_sha256(str(path))
    assert names(path.parent) == ["tiny.md", "tiny.safetensors"]


def ending(left: Iterator[int], method: object) -> object:
    """Return a method that ends the process once it was called so often."""

    def ended(self: Path, *arguments: object, **named: object) -> object:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return method(self, *arguments, **named)  # type: ignore[operator]

    return ended


@pytest.mark.parametrize(("call", "calls"), [("unlink", 0), ("replace", 0), ("replace", 1)])
def test_wherever_the_process_ends_no_card_condemns_the_weights_beside_it(
    trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, calls: int
) -> None:
    path = hand_out(trainer, tmp_path, hardware="")
    trainer.advance(elapsed_s=1)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, call, ending(iter(range(calls)), getattr(Path, call)))
        hand_out(trainer, tmp_path, hardware="")
    assert check(str(path)).well, check(str(path)).said
    hand_out(trainer, tmp_path, hardware="")
    assert "as pinned" in check(str(path)).said


def test_a_full_disk_leaves_the_old_weights_and_their_card(trainer: Trainer, tmp_path: Path) -> None:
    path = hand_out(trainer, tmp_path, hardware="")
    before = path.read_bytes(), path.with_suffix(".md").read_bytes()
    trainer.advance(elapsed_s=1)
    with full_disk(), pytest.raises(OSError, match="too large"):
        hand_out(trainer, tmp_path, hardware="")
    assert (path.read_bytes(), path.with_suffix(".md").read_bytes()) == before
    assert names(tmp_path) == ["tiny.md", "tiny.safetensors"]
