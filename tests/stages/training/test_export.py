"""Weights as they are handed out."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from schemas.frame import Pixels
from stages.noise import Noise
from stages.training.examination import marks, psnr_db, questions, untouched
from stages.training.export import card, examined
from stages.training.recipe import Recipe
from stages.training.trainer import Trainer

TINY = Recipe("tiny", (8, 16), 1, patch_px=32, batch=2, pool=4, scene_px=48, bf16=False)


@pytest.fixture
def trainer() -> Trainer:
    trainer = Trainer.on_simulated_scans(TINY)
    trainer.advance(elapsed_s=0)
    return trainer


def test_the_card_shows_every_group_and_every_method(trainer: Trainer) -> None:
    text = card(
        trainer, {"one": {"all": 30.123, "lines": 31.0}, "two": {"all": 29.0, "lines": 28.5}}, hardware="", sha256=""
    )
    assert "| scans | one | two |" in text
    assert "| all | 30.12 | 29.00 |" in text
    assert "| lines | 31.00 | 28.50 |" in text


@pytest.mark.parametrize("units", [True, False])
def test_the_card_tells_the_precision_that_the_processor_could_do(
    monkeypatch: pytest.MonkeyPatch, *, units: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "bf16": units})
    trainer = Trainer.on_simulated_scans(replace(TINY, bf16=True))
    assert f"| `bf16` | {units} |" in card(trainer, {"one": {"all": 30.0}}, hardware="", sha256="")


def test_the_examination_asks_every_kind_at_every_dose_and_scan() -> None:
    asked = questions(side_px=24)
    assert len({(q.kind, q.scan, q.dose_e_per_px) for q in asked}) == len(asked) == 36
    again = questions(side_px=24)
    np.testing.assert_array_equal(asked[5].noisy, again[5].noisy)


def test_marks_are_psnr_and_are_averaged_by_group() -> None:
    asked = questions(side_px=24)

    def perfect(frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        return [question.clean for question in asked]

    assert min(marks(perfect, asked)) > 100
    table = examined(perfect, asked)
    low, high = (table["scan as it is"][group] for group in ("15 e/px", "120 e/px"))
    assert high > low + 5
    assert table["scan as it is"]["all"] == pytest.approx(np.mean(marks(untouched, asked)))
    assert psnr_db(np.full((4, 4), 0.6, np.float32), np.full((4, 4), 0.5, np.float32)) == pytest.approx(20, abs=1e-4)
