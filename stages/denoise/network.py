"""Networks as methods: what the configuration names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import JsonValue
from torch import Tensor

from schemas.frame import Pixels
from stages.denoise.conditioning import channels, conditions
from stages.denoise.recent import Key, content_of, recall, remember
from stages.denoise.resident import check_weights, resident, weights_file, weights_sha256
from stages.denoise.tiling import FEATHER_PX, tiled
from stages.denoise.unet import ResidualUNet
from stages.noise import Noise
from stages.stabilise import Stabiliser

GPU_BATCH = 16
"""Frames that go to a GPU together; halved until they fit."""
GPU_TILE_PX, CPU_TILE_PX = 2048, 1024
"""Frames up to this side are not cut: 32 channels of 1024 x 1024 are 134 MB in float32."""


@dataclass(frozen=True)
class NetworkDenoiser:
    """A residual U-Net in the stabilised domain of each frame's own noise law.

    A frame whose noise law does not hold, or that has no noise, comes back as it is: the network would be told nothing.
    ``precision`` ``"auto"`` is bfloat16 on a GPU and float32 on a CPU; what it came to is part of the identity.

    Raises
    ------
    NoWeights
        If there is no such weights file, or it is corrupt or another network's.
    """

    weights: str
    widths: tuple[int, ...]
    blocks: int
    precision: Literal["auto", "fp32", "bf16"] = "auto"

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_weights(self.weights, tuple(self.widths), self.blocks)

    def identity(self) -> dict[str, JsonValue]:
        """Return what makes the result what it is: the network's shape, the weights' content, the arithmetic."""
        shape: dict[str, JsonValue] = {"widths": list(self.widths), "blocks": self.blocks}
        return {**shape, "weights_sha256": weights_sha256(self.weights), "precision": self._precision}

    def __call__(self, frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        """Restore each ``(H, W)`` float32 frame given its noise; on a GPU, frames of one shape go together."""
        keys = [(*self._key, *content_of(frame), noise) for frame, noise in zip(frames, noises, strict=True)]
        known = [recall(key) for key in keys]
        results = [frame.copy() if one is None else one for frame, one in zip(frames, known, strict=True)]
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for index, (frame, noise) in enumerate(zip(frames, noises, strict=True)):
            if known[index] is None and noise.holds and noise.sigma > 0:
                by_shape.setdefault(frame.shape, []).append(index)
        for indices in by_shape.values():
            for part in _parts(indices, GPU_BATCH if self._device == "cuda" else 1):
                restored = self._restored([frames[i] for i in part], [noises[i] for i in part])
                for index, frame in zip(part, restored, strict=True):
                    results[index] = frame
                    remember(keys[index], frame)
        return results

    @property
    def _key(self) -> Key:
        return weights_sha256(self.weights), tuple(self.widths), self.blocks, self._precision, self._device

    def _restored(self, frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        stabilisers = [Stabiliser.of(noise) for noise in noises]
        inputs = np.stack(
            [
                channels(stabiliser.forward(frame), conditions(noise, stabiliser))
                for frame, noise, stabiliser in zip(frames, noises, stabilisers, strict=True)
            ]
        )
        outputs = self._forward(torch.from_numpy(inputs))
        return [stabiliser.inverse(output) for stabiliser, output in zip(stabilisers, outputs, strict=True)]

    @torch.inference_mode()
    def _forward(self, inputs: Tensor) -> Pixels:
        network = self._network()
        tile_px = GPU_TILE_PX if self._device == "cuda" else CPU_TILE_PX
        least_px = 2 * network.reach_px + FEATHER_PX + 2 * network.stride
        with torch.autocast(self._device, torch.bfloat16, enabled=self._precision == "bf16"):
            outputs = fitted(inputs, network, device=self._device, tile_px=max(tile_px, least_px), least_px=least_px)
        return outputs.numpy()

    def _network(self) -> ResidualUNet:
        path, sha256 = weights_file(self.weights), weights_sha256(self.weights)
        return resident(path, sha256, tuple(self.widths), self.blocks, self._device)

    @property
    def _device(self) -> str:
        return "cuda" if torch.cuda.is_available() else "cpu"

    @property
    def _precision(self) -> str:
        if self.precision == "auto":
            return "bf16" if self._device == "cuda" else "fp32"
        return self.precision


@dataclass(frozen=True)
class UNetDenoiser(NetworkDenoiser):
    """The U-Net of 1.04 million parameters, trained on simulated scans: the one for a CPU.

    Examples
    --------
    >>> from stages.noise import measure
    >>> frame = np.random.default_rng(7).normal(0.5, 0.1, (32, 48)).clip(0, 1).astype(np.float32)
    >>> UNetDenoiser()([frame], [measure(frame)])[0].shape
    (32, 48)
    """

    weights: str = "unet-sim"
    widths: tuple[int, ...] = (32, 64, 128)
    blocks: int = 2


@dataclass(frozen=True)
class DRUNetDenoiser(NetworkDenoiser):
    """DRUNet at half width, 8.2 million parameters: the one for a GPU.

    Its shipped weights are of a short training on a CPU: as good as the U-Net's, at twice the time (docs/models.md).
    """

    weights: str = "drunet-sim"
    widths: tuple[int, ...] = (32, 64, 128, 256)
    blocks: int = 4


def fitted(inputs: Tensor, network: ResidualUNet, *, device: str, tile_px: int, least_px: int) -> Tensor:
    """Return ``(B, H, W)`` outputs on the CPU; out of GPU memory, halve the batch, then the tile.

    Raises
    ------
    torch.cuda.OutOfMemoryError
        If even one frame in the smallest tiles, ``least_px`` a side, does not fit.
    """
    found = _attempt(inputs, network, device=device, tile_px=tile_px)
    if isinstance(found, Tensor):
        return found
    smaller = max(tile_px // 2, least_px)
    if len(inputs) == 1 and (smaller == tile_px or max(inputs.shape[-2:]) <= least_px):
        raise found
    torch.cuda.empty_cache()
    if len(inputs) == 1:
        return fitted(inputs, network, device=device, tile_px=smaller, least_px=least_px)
    halves = inputs[: len(inputs) // 2], inputs[len(inputs) // 2 :]
    return torch.cat([fitted(half, network, device=device, tile_px=tile_px, least_px=least_px) for half in halves])


def _attempt(
    inputs: Tensor, network: ResidualUNet, *, device: str, tile_px: int
) -> Tensor | torch.cuda.OutOfMemoryError:
    """Return the outputs, or the error, without its trace: when this returns, nothing holds what was on the device."""
    try:
        there = inputs.to(device).contiguous(memory_format=torch.channels_last)
        outputs = tiled(network, there, tile_px=tile_px, reach_px=network.reach_px, stride=network.stride)
        return outputs[:, 0].float().cpu()
    except torch.cuda.OutOfMemoryError as error:
        return error.with_traceback(None)


def _parts(indices: list[int], size: int) -> list[list[int]]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]
