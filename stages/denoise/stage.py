"""The stage of the deep candidates."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from stages.denoise.network import GPU_BATCH
from stages.restoration import Restoration


@dataclass(frozen=True)
class Denoise(Restoration):
    """Deep candidates of the raw frame; a batch's frames of one shape go to a network together."""

    name: ClassVar[str] = "denoise"
    emits: ClassVar[str] = "denoised"

    @property
    def at_once(self) -> int:
        """A GPU's batch, or one frame."""
        return GPU_BATCH if torch.cuda.is_available() else 1
