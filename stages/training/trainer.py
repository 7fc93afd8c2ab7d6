"""The training loop, one step at a time, resumable to the bit."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from stages.denoise.unet import ResidualUNet
from stages.training.recipe import Recipe
from stages.training.samples import Batch, ScenePool, batch_at

MOMENTS = ("exp_avg", "exp_avg_sq")


class Trainer:
    """Network, averaged weights, optimiser and progress.

    Time is told, never read: ``elapsed_s`` is what the caller says has been spent on the training so far.
    """

    def __init__(self, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.network = ResidualUNet(recipe.widths, recipe.blocks).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = {name: value.detach().clone() for name, value in self.network.named_parameters()}
        self.optimiser = torch.optim.AdamW(self.network.parameters(), recipe.learning_rate, weight_decay=1e-5)
        self.step = 0
        self.elapsed_s = 0.0
        self._pool = ScenePool(recipe)

    @property
    def finished(self) -> bool:
        """Whether the whole budget is spent."""
        return self.elapsed_s >= 60 * self.recipe.total_minutes

    def learning_rate(self) -> float:
        """Return the rate now: a linear warm-up, then half a cosine over the whole budget, down to zero."""
        progress = min(self.elapsed_s / (60 * self.recipe.total_minutes), 1.0)
        warm_up = min((self.step + 1) / self.recipe.warm_up_steps, 1.0)
        return self.recipe.learning_rate * warm_up * 0.5 * (1 + math.cos(math.pi * progress))

    def advance(self, *, elapsed_s: float) -> float:
        """Take one step and return its loss; ``elapsed_s`` is the time spent on this training before the step."""
        self.elapsed_s = elapsed_s
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        loss = self._loss(batch_at(self.step, pool=self._pool, recipe=self.recipe))
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self._average()
        return float(loss.detach())

    def _loss(self, batch: Batch) -> Tensor:
        inputs = torch.from_numpy(batch.inputs).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.bf16):
            restored = self.network(inputs)
        weight = torch.from_numpy(batch.sigmas) ** -self.recipe.sigma_power
        error = (restored.float() - torch.from_numpy(batch.targets)).square().mean((1, 2, 3))
        weighted: Tensor = weight * error
        return weighted.mean()

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.recipe.ema, self.step / (self.step + 10))
        for name, value in self.network.named_parameters():
            self.averaged[name].lerp_(value, 1 - keep)

    def save(self, path: Path) -> None:
        """Write everything that resuming takes, atomically: a reader sees the old file or the new one, whole."""
        tensors = {f"network.{name}": value.detach() for name, value in self.network.named_parameters()}
        tensors |= {f"averaged.{name}": value for name, value in self.averaged.items()}
        for name, value in self.network.named_parameters():
            state = self.optimiser.state.get(value, {})
            tensors |= {f"{moment}.{name}": state[moment] for moment in MOMENTS if moment in state}
        metadata = {"step": str(self.step), "elapsed_s": repr(self.elapsed_s), "shape": self._shape()}
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        save_file({name: value.contiguous() for name, value in tensors.items()}, unfinished, metadata)
        unfinished.replace(path)

    def load(self, path: Path) -> None:
        """Take up the training where `save` left it.

        Raises
        ------
        ValueError
            If the checkpoint is of a network of another shape.
        """
        with safe_open(path, "pt") as file:
            metadata: Mapping[str, str] = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
        if metadata["shape"] != self._shape():
            raise ValueError(f"{path} is of a network of the shape {metadata['shape']}, not {self._shape()}")
        self.step, self.elapsed_s = int(metadata["step"]), float(metadata["elapsed_s"])
        with torch.no_grad():
            for name, value in self.network.named_parameters():
                value.copy_(tensors[f"network.{name}"])
                self.averaged[name].copy_(tensors[f"averaged.{name}"])
                self._restore_moments(name, value, tensors)

    def _restore_moments(self, name: str, value: Tensor, tensors: Mapping[str, Tensor]) -> None:
        moments = {moment: tensors[f"{moment}.{name}"] for moment in MOMENTS if f"{moment}.{name}" in tensors}
        if moments:
            kept = {moment: torch.empty_like(value).copy_(tensor) for moment, tensor in moments.items()}
            self.optimiser.state[value] = {"step": torch.tensor(float(self.step)), **kept}

    def _shape(self) -> str:
        return json.dumps({"widths": self.recipe.widths, "blocks": self.recipe.blocks})
