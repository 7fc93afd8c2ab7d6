"""The stage of the deep candidates."""

from dataclasses import dataclass
from typing import ClassVar

from stages.restoration import Restoration


@dataclass(frozen=True)
class Denoise(Restoration):
    """Deep candidates of the raw frame; a batch's frames of one shape go to a network together."""

    name: ClassVar[str] = "denoise"
    emits: ClassVar[str] = "denoised"
