"""The stage of the deep candidates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from stages.denoise.network import GPU_BATCH
from stages.denoise.recent import remembering
from stages.restoration import Restoration
from stages.stage import Outcome, Task


@dataclass(frozen=True)
class Denoise(Restoration):
    """Deep candidates of the raw frame; a batch's frames of one shape go to a network together."""

    name: ClassVar[str] = "denoise"
    emits: ClassVar[str] = "denoised"

    @property
    def at_once(self) -> int:
        """A GPU's batch, or one frame."""
        return GPU_BATCH if torch.cuda.is_available() else 1

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        """Restore every frame by each candidate asked for; a network that is part of several sees it once."""
        with remembering():
            return super().__call__(batch)
