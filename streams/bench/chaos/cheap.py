"""A second restoring stage that loads no networks: workers that are killed all the time have to start quickly."""

from dataclasses import dataclass
from typing import ClassVar

from stages.restoration import Restoration


@dataclass(frozen=True)
class CheapDenoise(Restoration):
    """Stands where the deep candidates are computed, with methods that need no network."""

    name: ClassVar[str] = "denoise"
    emits: ClassVar[str] = "denoised"
