"""Weights as they are handed out, and the card that says what they are."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import torch
from safetensors.torch import save

from stages.stage import Restore
from stages.training.examination import YARDSTICKS, Question, marks
from stages.training.trainer import Trainer

Table = Mapping[str, Mapping[str, float]]
"""Mean PSNR in dB by method, then by group of questions."""


def averaged(trainer: Trainer) -> bytes:
    """Return a safetensors file of the averaged weights: float16, for size; computed with in float32."""
    return save({name: value.to(torch.float16).contiguous() for name, value in trainer.averaged.items()})


def pinned_by(card_text: str) -> str | None:
    """Return the sha256 that the text of a card pins, if it does: cards of old do not.

    >>> pinned_by(f"- **Weights**: sha256 `{'ab' * 32}`.")[:8]
    'abababab'
    """
    found = re.search(r"sha256 `([0-9a-f]{64})`", card_text)
    return found[1] if found else None


def examined(denoiser: Restore, asked: Sequence[Question]) -> Table:
    """Return the marks of a network and of the yardsticks, by kind of specimen, scan and dose."""
    rows = {name: marks(restore, asked) for name, restore in YARDSTICKS.items()}
    return {name: _by_group(row, asked) for name, row in {**rows, "this network": marks(denoiser, asked)}.items()}


def _by_group(row: Sequence[float], asked: Sequence[Question]) -> Mapping[str, float]:
    groups: dict[str, list[float]] = {"all": list(row)}
    for group_of in (lambda q: q.kind, lambda q: q.scan, lambda q: f"{q.dose_e_per_px:g} e/px"):
        for mark, question in zip(row, asked, strict=True):
            groups.setdefault(group_of(question), []).append(mark)
    return {group: float(np.mean(members)) for group, members in groups.items()}


def card(trainer: Trainer, table: Table, *, hardware: str, sha256: str) -> str:
    """Return the model card as Markdown."""
    recipe = trainer.course
    parameters = sum(value.numel() for value in trainer.averaged.values())
    options = "\n".join(f"| `{name}` | {value} |" for name, value in {**asdict(recipe), "bf16": trainer.bf16}.items())
    return f"""# {recipe.name}

A residual U-Net without bias and normalisation (widths {recipe.widths}, {recipe.blocks} blocks a level, {parameters:,}
parameters), working in the variance-stabilised domain of each frame's measured noise law.

- **Data**: simulated scans only (`stages/simulation`): lines, holes, grains, spheres, texture, Manhattan wiring; dose 8
  to 250 electrons a pixel; rows uncorrelated, filtered or AR(1). No real image was trained on.
- **Training**: {trainer.step:,} steps of {recipe.batch} crops of {recipe.patch_px} x {recipe.patch_px} px,
  {trainer.elapsed_s / 60:.0f} minutes, on {hardware}.
- **Weights**: sha256 `{sha256}`.
- **Input**: the frame and its noise law (`stages.noise.measure`). **Output**: an estimate of the noise-free frame.

## Scores

Mean PSNR in dB on simulated scans of 256 x 256 px that training has not seen, three doses a kind, noise laws measured.

{_markdown(table)}

## Limits

- Simulated and real specimens differ; on specimens unlike the six kinds, look at the risk and the evidence map.
- The noise law must hold: rows independent of each other. Resampled frames come back untouched.
- Structure weaker than the noise over its own area is lost, and cannot be brought back by any setting.
- Not trained on frames with a data bar, with saturation over large areas, or with JPEG artefacts.

## Recipe

| option | value |
| --- | --- |
{options}
"""


def _markdown(table: Table) -> str:
    groups = next(iter(table.values()))
    head = f"| scans | {' | '.join(table)} |\n|{' --- |' * (len(table) + 1)}"
    rows = [f"| {group} | {' | '.join(f'{row[group]:.2f}' for row in table.values())} |" for group in groups]
    return "\n".join([head, *rows])
