"""The training loop, one step at a time, resumable to the bit on processors that are alike."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from schemas.model import digest
from stages.denoise.unet import ResidualUNet
from stages.training.precision import has_bfloat16_units
from stages.training.recipe import Course, Recipe
from stages.training.samples import Batch, Batches, simulated

MOMENTS = ("exp_avg", "exp_avg_sq")


class Trainer:
    """Network, averaged weights, optimiser and progress.

    Time is told, never read: ``elapsed_s`` is what the caller says has been spent on the training so far.

    Parameters
    ----------
    course
        How it is trained.
    batches
        What on: the batch of each step.
    start
        Weights to begin with; drawn from the seed where there are none.
    origin
        What else the result follows from; a checkpoint of another origin is refused.
    """

    def __init__(
        self, course: Course, batches: Batches, *, start: Mapping[str, Tensor] | None = None, origin: str = ""
    ) -> None:
        torch.manual_seed(course.seed)
        self.course = course
        self.origin = origin
        self.network = ResidualUNet(course.widths, course.blocks).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if start is not None:
            self.network.load_state_dict(start)
        self.averaged = {name: value.detach().clone() for name, value in self.network.named_parameters()}
        self.optimiser = torch.optim.AdamW(self.network.parameters(), course.learning_rate, weight_decay=1e-5)
        self.step = 0
        self.elapsed_s = 0.0
        self.bf16 = course.bf16 and has_bfloat16_units()
        self._batches = batches

    @classmethod
    def on_simulated_scans(cls, recipe: Recipe) -> "Trainer":
        """Return a trainer at the beginning of a training on simulated scans, which follows from every option."""
        return cls(recipe, simulated(recipe), origin=digest({"recipe": asdict(recipe), "version": recipe.version}))

    @property
    def finished(self) -> bool:
        """Whether the whole budget is spent."""
        return self.progress >= 1

    @property
    def progress(self) -> float:
        """How much of the budget is spent."""
        return self.course.progress(self.step, self.elapsed_s)

    def learning_rate(self) -> float:
        """Return the rate now: a linear warm-up, then half a cosine over the whole budget, down to zero."""
        warm_up = min((self.step + 1) / self.course.warm_up_steps, 1.0)
        return self.course.learning_rate * warm_up * 0.5 * (1 + math.cos(math.pi * self.progress))

    def prepare(self) -> None:
        """Have ready what the batch of the step to come is drawn from: a pool of scenes takes half a minute."""
        self._batches(self.step)

    def advance(self, *, elapsed_s: float) -> float:
        """Take one step and return its loss; ``elapsed_s`` is the time spent on this training before the step."""
        self.elapsed_s = elapsed_s
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        loss = self._loss(self._batches(self.step))
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self._average()
        return float(loss.detach())

    def _loss(self, batch: Batch) -> Tensor:
        inputs = torch.from_numpy(batch.inputs).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            restored = self.network(inputs)
        weight = torch.from_numpy(batch.sigmas) ** -self.course.sigma_power
        squares = (restored.float() - torch.from_numpy(batch.targets)).square()
        error = (squares * torch.from_numpy(batch.counted)).mean((1, 2, 3))
        weighted: Tensor = weight * error
        return weighted.mean()

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.course.ema, self.step / (self.step + 10))
        for name, value in self.network.named_parameters():
            self.averaged[name].lerp_(value, 1 - keep)

    def checkpoint(self) -> bytes:
        """Return everything that resuming takes, as a safetensors file."""
        tensors = {f"network.{name}": value.detach() for name, value in self.network.named_parameters()}
        tensors |= {f"averaged.{name}": value for name, value in self.averaged.items()}
        for name, value in self.network.named_parameters():
            state = self.optimiser.state.get(value, {})
            tensors |= {f"{moment}.{name}": state[moment] for moment in MOMENTS if moment in state}
        progress = {"step": str(self.step), "elapsed_s": repr(self.elapsed_s)}
        metadata = {**progress, "shape": self._shape(), "origin": self.origin}
        return save({name: value.contiguous() for name, value in tensors.items()}, metadata)

    def load(self, path: Path) -> None:
        """Take up the training where `checkpoint` left it.

        Raises
        ------
        ValueError
            If it is no checkpoint, or not a whole one, or one of a network of another shape, or of another origin.
        """
        metadata, tensors = _read(path)
        if metadata["shape"] != self._shape():
            raise ValueError(f"{path} is of a network of the shape {metadata['shape']}, not {self._shape()}")
        if metadata.get("origin", "") != self.origin:
            raise ValueError(f"{path} began with other weights, frames or options")
        step = int(metadata["step"])
        lacking = [
            name for name, shape in self._kept(step).items() if name not in tensors or tensors[name].shape != shape
        ]
        if lacking:
            raise ValueError(f"{path} is no whole checkpoint: it lacks {lacking[0]}, or has it in another shape")
        self.step, self.elapsed_s = step, float(metadata["elapsed_s"])
        with torch.no_grad():
            for name, value in self.network.named_parameters():
                value.copy_(tensors[f"network.{name}"])
                self.averaged[name].copy_(tensors[f"averaged.{name}"])
                self._restore_moments(name, value, tensors)

    def _kept(self, step: int) -> Mapping[str, torch.Size]:
        """Return the shapes of the tensors in a checkpoint; before the first step there are no moments."""
        parts = ("network", "averaged", *(MOMENTS if step else ()))
        return {f"{part}.{name}": value.shape for part in parts for name, value in self.averaged.items()}

    def _restore_moments(self, name: str, value: Tensor, tensors: Mapping[str, Tensor]) -> None:
        moments = {moment: tensors[f"{moment}.{name}"] for moment in MOMENTS if f"{moment}.{name}" in tensors}
        if moments:
            kept = {moment: torch.empty_like(value).copy_(tensor) for moment, tensor in moments.items()}
            self.optimiser.state[value] = {"step": torch.tensor(float(self.step)), **kept}

    def _shape(self) -> str:
        return json.dumps({"widths": self.course.widths, "blocks": self.course.blocks})


def _read(path: Path) -> tuple[Mapping[str, str], Mapping[str, Tensor]]:
    """Return what a file says of itself, and its tensors; raises `ValueError` where it is no checkpoint."""
    try:
        with safe_open(path, "pt") as file:
            metadata: Mapping[str, str] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
    except SafetensorError as error:
        raise ValueError(f"{path} is no checkpoint: {error}") from error
    if not {"shape", "step", "elapsed_s"} <= metadata.keys():
        raise ValueError(f"{path} is no checkpoint, but other tensors")
    return metadata, tensors
